# SPDX-License-Identifier: Apache-2.0
"""Header compression: what weir decodes, what it refuses, and what it encodes (RFC 7541)."""

import pytest
from hpack.table import HeaderTable
from support.http2 import (
    Code,
    Flag,
    Http2Client,
    Literal,
    block,
    case,
    continuation,
    head,
    headers,
    huffman,
    indexed,
    integer,
    literal,
    literal_by_index,
    opening,
    rst_stream,
    string,
    table_size,
)
from support.upstream import OK

GET = block(head())
TABLE = 4096
"""SETTINGS_HEADER_TABLE_SIZE of weir, which is the initial value."""
STATIC = HeaderTable.STATIC_TABLE
FIRST = len(STATIC) + 1
"""The index of the newest entry of the dynamic table."""
OVERHEAD = 32
"""What an entry costs beside its name and value (RFC 7541 §4.1)."""


def forward(stand, http2, stream: int, target: str, octets: bytes):
    """A request with these representations behind those of an ordinary one, as it reaches upstream."""
    http2.send(headers(stream, block(head(target)) + octets))
    assert http2.response(stream).status == 200
    return stand.arrived(target)[-1]


# §2.3, §6.1, §6.2: representations


@pytest.mark.parametrize("kind", Literal, ids=lambda kind: f"6.2 {kind.name}")
def test_literals_arrive(stand, http2, kind):
    """RFC 7541 §6.2.1 to §6.2.3: with a name of their own and with an indexed one."""
    target = stand.answer(OK)
    octets = literal(b"x-own", b"own", kind) + literal_by_index(58, b"agent", kind) + literal(b"x-empty", b"", kind)
    arrived = forward(stand, http2, 1, target, octets)
    assert [arrived.all(name) for name in ("x-own", "user-agent", "x-empty")] == [["own"], ["agent"], [""]]


@pytest.mark.parametrize("index", range(2, 8), ids=lambda index: f"A {STATIC[index - 1]}")
def test_indexed_control_data_is_known(stand, http2, index):
    """RFC 7541 §6.1, appendix A: the entries of which a request consists."""
    name, value = STATIC[index - 1]
    control = dict(head("/otherwise"))
    del control[name]
    seen = len(stand.app.requests)
    http2.send(headers(1, indexed(index) + block(control.items())))
    assert http2.response(1).status == 200
    (arrived,) = stand.app.requests[seen:]
    assert arrived.method == (value.decode() if name == b":method" else "GET")
    assert arrived.target == (value.decode() if name == b":path" else "/otherwise")


def test_names_of_control_data_are_known(stand, http2):
    """RFC 7541 §6.2, appendix A: with values that are in no table."""
    target = stand.answer(OK)
    values = [(1, b"weir.test:8000"), (3, b"PATCH"), (5, target.encode()), (7, b"http")]
    http2.send(headers(1, b"".join(literal_by_index(*one) for one in values)))
    assert http2.response(1).status == 200
    (arrived,) = stand.arrived(target)
    assert (arrived.method, arrived.all("host")) == ("PATCH", ["weir.test:8000"])


def test_static_table_names_are_known(stand, http2):
    """RFC 7541 appendix A: each regular name by its index."""
    target = stand.answer(OK)
    special = {b"content-length", b"expect", b"host", b"if-range", b"range", b"te", b"transfer-encoding", b"cookie"}
    entries = [(index, name) for index, (name, _) in enumerate(STATIC, 1) if index > 14 and name not in special]
    # These say who forwarded the request, or are weir's own.
    entries = [(index, name) for index, name in entries if name not in (b"via", b"accept-encoding")]
    octets = b"".join(literal_by_index(index, b"v%d" % index) for index, _ in entries)
    arrived = forward(stand, http2, 1, target, octets)
    assert [arrived.all(name.decode()) for _, name in entries] == [[f"v{index}"] for index, _ in entries]


def test_dynamic_table_is_kept_over_requests(stand, http2):
    """RFC 7541 §2.3.2, §2.3.3: the newest entry has the lowest index."""
    target = stand.answer(OK)
    added = b"".join(literal(b"x-%d" % number, b"v%d" % number, Literal.INDEXING) for number in range(3))
    forward(stand, http2, 1, target, added)
    arrived = forward(stand, http2, 3, target, indexed(FIRST) + indexed(FIRST + 2) + literal_by_index(FIRST + 1, b"w"))
    assert [arrived.all(f"x-{number}") for number in range(3)] == [["v0"], ["w"], ["v2"]]


def test_entry_is_known_within_its_own_block(stand, http2):
    """RFC 7541 §3.2: representations are processed in their order."""
    target = stand.answer(OK)
    octets = literal(b"x-a", b"1", Literal.INDEXING) + indexed(FIRST) + literal_by_index(FIRST, b"2", Literal.INDEXING)
    arrived = forward(stand, http2, 1, target, octets + indexed(FIRST) + indexed(FIRST + 1))
    assert ", ".join(arrived.all("x-a")).split(", ") == ["1", "1", "2", "2", "1"]


def test_entries_are_evicted_from_the_oldest(stand, http2):
    """RFC 7541 §4.4: what still fits is kept."""
    target = stand.answer(OK)
    size = TABLE // 4
    fields = [(b"x-%d" % number, b"v" * (size - OVERHEAD - 3)) for number in range(5)]
    forward(stand, http2, 1, target, b"".join(literal(*one, Literal.INDEXING) for one in fields))
    arrived = forward(stand, http2, 3, target, indexed(FIRST + 3))
    assert arrived.all("x-1") == [fields[1][1].decode()]
    http2.send(headers(5, GET + indexed(FIRST + 4)))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


def test_entry_that_is_too_large_empties_the_table(stand, http2):
    """RFC 7541 §4.4: no error, and the field arrives."""
    target = stand.answer(OK)
    large = b"v" * TABLE
    octets = literal(b"x-small", b"s", Literal.INDEXING) + literal(b"x-large", large, Literal.INDEXING)
    assert forward(stand, http2, 1, target, octets).all("x-large") == [large.decode()]
    http2.send(headers(3, GET + indexed(FIRST)))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


def test_entry_of_exactly_the_table_fits(stand, http2):
    """RFC 7541 §4.1: name, value and 32 octets."""
    target = stand.answer(OK)
    value = b"v" * (TABLE - OVERHEAD - len(b"x-exact"))
    forward(stand, http2, 1, target, literal(b"x-exact", value, Literal.INDEXING))
    assert forward(stand, http2, 3, target, indexed(FIRST)).all("x-exact") == [value.decode()]


def test_fields_of_refused_requests_are_in_the_table(stand, http2):
    """RFC 9113 §5.1, §4.3: a stream error leaves the compression state intact."""
    target = stand.answer(OK)
    malformed = GET + literal(b"x-kept", b"k", Literal.INDEXING) + literal(b"X-Upper", b"x")
    http2.send(headers(1, malformed + literal(b"x-after", b"a", Literal.INDEXING)))
    http2.expect_stream_error(1, Code.PROTOCOL_ERROR)
    stream = http2.next_stream()
    arrived = forward(stand, http2, stream, target, indexed(FIRST) + indexed(FIRST + 1))
    assert (arrived.all("x-kept"), arrived.all("x-after")) == (["k"], ["a"])


@pytest.mark.parametrize("where", ["trailers of a reset stream", "trailers", "block in pieces"])
def test_fields_of_every_block_are_in_the_table(stand, http2, where):
    """RFC 9113 §5.1, §4.3: also where nobody wants them any more."""
    target = stand.answer(OK)
    kept = literal(b"x-kept", b"k", Literal.INDEXING)
    if where == "block in pieces":
        http2.send(headers(1, GET + kept[:3], Flag.END_STREAM) + continuation(1, kept[3:]))
        http2.response(1)
    elif where == "trailers":
        http2.send(opening(1) + headers(1, kept))
        http2.response(1)
    else:
        refused = headers(1, block(head("/", "POST")) + literal(b"X-Upper", b"x"), Flag.END_HEADERS)
        http2.send(refused + headers(1, kept))
        http2.expect_stream_error(1, Code.PROTOCOL_ERROR)
    assert forward(stand, http2, http2.next_stream(), target, indexed(FIRST)).all("x-kept") == ["k"]


def test_fields_of_streams_beyond_the_limit_are_in_the_table(stand, http2):
    """RFC 9113 §4.3, §5.1.2: a refused stream is decoded all the same."""
    target = stand.answer(OK)
    http2.send(b"".join(opening(stream) for stream in range(1, 257, 2)))
    http2.send(headers(257, GET + literal(b"x-kept", b"k", Literal.INDEXING)))
    http2.until(lambda: http2.on(257).reset is not None, "the stream beyond the limit is reset")
    http2.send(b"".join(rst_stream(stream) for stream in range(1, 257, 2)))
    assert forward(stand, http2, 259, target, indexed(FIRST)).all("x-kept") == ["k"]


# §5: integers and strings


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 256, 5000])
def test_string_of_any_length_arrives(stand, http2, size):
    """RFC 7541 §5.1, §5.2: around each edge of the length's encoding."""
    target = stand.answer(OK)
    value = "v" * size
    assert forward(stand, http2, 1, target, literal(b"x-long", value.encode())).all("x-long") == [value]


@pytest.mark.parametrize(
    ("coded", "value"),
    [
        case("5.2", "3 bits of padding", b"\x1f", "a"),
        case("5.2", "7 bits of padding", b"\x18\xc6\x31\xff", "aaaaa"),
        case("5.2", "no padding", b"\x18\xc6\x31\x8c\x63", "aaaaaaaa"),
        case("5.2", "nothing", b"", ""),
        case("5.2", "a code of 13 bits", b"\xff\xcf", "$"),
    ],
)
def test_huffman_strings_are_decoded(stand, http2, coded, value):
    """RFC 7541 §5.2, appendix B."""
    target = stand.answer(OK)
    octets = bytes([Literal.PLAIN]) + string(b"x-coded") + huffman(coded)
    assert forward(stand, http2, 1, target, octets).all("x-coded") == [value]


def test_huffman_names_are_decoded(stand, http2):
    """RFC 7541 §5.2: name and value alike."""
    target = stand.answer(OK)
    octets = bytes([Literal.PLAIN]) + huffman(b"\x18\xc6\x31\xff") + string(b"v")
    assert forward(stand, http2, 1, target, octets).all("aaaaa") == ["v"]


# What cannot be decoded

HUFFMAN_ERRORS = {
    "11 bits of padding": b"\x1f\xff",
    "8 bits of padding": b"\x18\xc6\x31\x8c\x63\xff",
    "padding alone": b"\xff",
    "padding of zeros": b"\x18",
    "padding with a zero": b"\x1e",
    "EOS": b"\xff\xff\xff\xff",
    "EOS in the middle": b"\x1f\xff\xff\xff\xff\x1f",
}

UNDECODABLE = [
    case("6.1", "index 0", indexed(0)),
    case("2.3.3", "index beyond the static table", indexed(FIRST)),
    case("2.3.3", "index far beyond", indexed(100_000)),
    case("2.3.3", "index beyond the dynamic table", literal(b"x-a", b"1", Literal.INDEXING) + indexed(FIRST + 1)),
    *(
        case("2.3.3", f"name by an index beyond the table, {kind.name}", literal_by_index(FIRST, b"v", kind))
        for kind in Literal
    ),
    case("5.1", "index that overflows 32 bits", b"\xff\xff\xff\xff\xff\x0f"),
    case("5.1", "index that overflows 64 bits", b"\xff" + b"\xff" * 9 + b"\x7f"),
    case("5.1", "index that never ends", b"\xff" + b"\xff" * 100),
    case("5.1", "index that is cut off", b"\xff\x80"),
    case("5.1", "index of which only the prefix is there", b"\xff"),
    case("5.1", "length of a name that overflows", b"\x00\x7f" + b"\xff" * 9 + b"\x7f" + b"x"),
    case("5.1", "length of a value that overflows", b"\x00" + string(b"x-a") + b"\x7f" + b"\xff" * 9 + b"\x7f" + b"v"),
    case("5.1", "table size that overflows", b"\x3f" + b"\xff" * 9 + b"\x7f"),
    case("6.2", "literal without a name", b"\x00"),
    case("6.2", "literal without a value", b"\x00" + string(b"x-a")),
    case("5.2", "name that is cut off", b"\x00" + string(b"x-name")[:4]),
    case("5.2", "value that is cut off", literal(b"x-name", b"value")[:-1]),
    case("5.2", "value of which only the length is there", b"\x00" + string(b"x-a") + b"\x05"),
    case("5.2", "value that is longer than any block", b"\x00" + string(b"x-a") + integer(2**31, 7) + b"v"),
    *(
        case("5.2", f"Huffman name: {name}", b"\x00" + huffman(octets) + string(b"v"))
        for name, octets in HUFFMAN_ERRORS.items()
    ),
    *(
        case("5.2", f"Huffman value: {name}", b"\x00" + string(b"x-a") + huffman(octets))
        for name, octets in HUFFMAN_ERRORS.items()
    ),
    case("4.2", "table size after a field", table_size(0)),
    case("4.2", "table size after a field and before another", table_size(TABLE) + literal(b"x-a", b"1")),
]


@pytest.mark.parametrize("octets", UNDECODABLE)
def test_block_that_cannot_be_decoded_is_a_connection_error(stand, http2, octets):
    """RFC 9113 §4.3, RFC 7541: COMPRESSION_ERROR, and nothing reaches upstream."""
    http2.send(headers(1, block(head("/undecodable")) + octets))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)
    assert stand.arrived("/undecodable") == []


def test_undecodable_trailers_are_a_connection_error(http2):
    """RFC 9113 §4.3: in whatever block."""
    http2.send(opening(1) + headers(1, indexed(FIRST)))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


def test_undecodable_block_in_pieces_is_a_connection_error(http2):
    """RFC 9113 §4.3: at its end at the latest."""
    http2.send(headers(1, GET, Flag.END_STREAM) + continuation(1, b"\x00\x05x", Flag.NONE) + continuation(1, b"-n"))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


# §4.2, §6.3: the size of the decoder's table


@pytest.mark.parametrize("size", [TABLE + 1, 2**16, 2**31])
def test_table_size_beyond_the_setting_is_a_connection_error(http2, size):
    """RFC 7541 §6.3: COMPRESSION_ERROR above what SETTINGS_HEADER_TABLE_SIZE says."""
    http2.send(headers(1, table_size(size) + GET))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


@pytest.mark.parametrize(
    "updates",
    [
        case("6.3", "0", [0]),
        case("6.3", "1", [1]),
        case("6.3", "the setting", [TABLE]),
        case("4.2", "0, then the setting", [0, TABLE]),
        case("4.2", "twice the same", [100, 100]),
    ],
)
def test_table_size_at_the_beginning_of_a_block_is_allowed(http2, updates):
    """RFC 7541 §4.2, §6.3: up to what the setting says."""
    http2.send(headers(1, b"".join(map(table_size, updates)) + block(head("/alive"))))
    assert http2.response(1).status == 200
    http2.expect_served()


def test_table_of_no_size_keeps_nothing(stand, http2):
    """RFC 7541 §4.3: entries are evicted when the size is reduced, and do not come back with it."""
    target = stand.answer(OK)
    forward(stand, http2, 1, target, literal(b"x-kept", b"k", Literal.INDEXING))
    http2.send(headers(3, table_size(0) + table_size(TABLE) + block(head(target))))
    assert http2.response(3).status == 200
    http2.send(headers(5, GET + indexed(FIRST)))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


def test_reduced_table_keeps_what_fits(stand, http2):
    """RFC 7541 §4.3: and no more."""
    target = stand.answer(OK)
    added = literal(b"x-old", b"o", Literal.INDEXING) + literal(b"x-new", b"n", Literal.INDEXING)
    forward(stand, http2, 1, target, added)
    http2.send(headers(3, table_size(OVERHEAD + 6) + block(head(target)) + indexed(FIRST)))
    assert http2.response(3).status == 200
    assert stand.arrived(target)[-1].all("x-new") == ["n"]
    http2.send(headers(5, GET + indexed(FIRST + 1)))
    http2.expect_connection_error(Code.COMPRESSION_ERROR)


# §4.2: the table of weir's encoder, which the client limits

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: kept by the encoder\r\n\r\nok"


def fields_of(http2, target: str) -> list[bytes]:
    """The field of `RESPONSE` as it comes out of the client's decoder."""
    return http2.fetch(target).all("x-kept")


def test_encoder_may_use_the_table(stand, http2):
    """RFC 7541 §2.3.2: whatever it uses, the client's decoder follows."""
    target = stand.answer(RESPONSE)
    for _ in range(5):
        assert fields_of(http2, target) == [b"kept by the encoder"]


@pytest.mark.parametrize("size", [0, 1, 32, 64, 100, 4095, 4096, 4097, 65_536, 2**32 - 1])
@pytest.mark.parametrize("used", [False, True], ids=["before any response", "after responses"])
def test_encoder_keeps_to_the_table_of_the_client(stand, size, used):
    """RFC 7541 §4.2, RFC 9113 §6.5.2: a smaller table is announced before it is used, and never exceeded."""
    target = stand.answer(RESPONSE)
    with Http2Client(stand.proxy.address) as client:
        client.start(**({} if used else {"header_table_size": size}))
        if used:
            for _ in range(2):
                fields_of(client, target)
            client.change(header_table_size=size)
        # The client's decoder refuses a block without the update, and an index of an entry that is gone.
        for _ in range(3):
            assert fields_of(client, target) == [b"kept by the encoder"]


def test_encoder_announces_the_smallest_of_several_tables(stand, http2):
    """RFC 7541 §4.2: a size update for the minimum between two blocks, although it is over."""
    target = stand.answer(RESPONSE)
    for _ in range(2):
        fields_of(http2, target)
    http2.change(header_table_size=0)
    http2.change(header_table_size=TABLE)
    response = http2.fetch(target)
    assert response.all("x-kept") == [b"kept by the encoder"]
    assert response.blocks[0].startswith(table_size(0)), response.blocks[0].hex(" ")
    for _ in range(2):
        assert fields_of(http2, target) == [b"kept by the encoder"]


def test_encoder_announces_a_table_of_no_size(stand, http2):
    """RFC 7541 §4.2, §6.3: once, at the beginning of the next block, and in no later one."""
    target = stand.answer(RESPONSE)
    fields_of(http2, target)
    http2.change(header_table_size=0)
    blocks = [http2.fetch(target).blocks[0] for _ in range(3)]
    assert blocks[0].startswith(table_size(0)), blocks[0].hex(" ")
    assert not any(one.startswith(table_size(0)) for one in blocks[1:])


def test_change_of_the_table_reaches_open_streams(stand, http2):
    """RFC 9113 §6.5.3: the next block counts, whichever stream it is on."""
    target = stand.answer(RESPONSE)
    fields_of(http2, target)
    stream = http2.next_stream()
    http2.send(opening(stream, target))
    http2.change(header_table_size=0)
    http2.send(headers(stream, block([(b"x-trailer", b"t")])))
    response = http2.response(stream)
    assert response.all("x-kept") == [b"kept by the encoder"]
    assert response.blocks[0].startswith(table_size(0))


def test_large_response_head_comes_in_frames_that_the_client_takes(stand, http2):
    """RFC 9113 §4.3, §6.10: HEADERS and CONTINUATION, one after the other."""
    value = bytes(0x21 + number % 0x5D for number in range(24_000))
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Large: " + value + b"\r\n\r\nok")
    response = http2.fetch(target)
    assert response.all("x-large") == [value]
    http2.expect_served()

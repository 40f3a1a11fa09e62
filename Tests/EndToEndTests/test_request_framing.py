# SPDX-License-Identifier: Apache-2.0
"""Where a request ends: every way to make two parties disagree about it (RFC 9112 §6, §7, §11.2)."""

import contextlib

import pytest
from support.buffering import EITHER
from support.client import chunked, request
from support.upstream import OK

POST = b"POST / HTTP/1.1\r\nHost: weir.test\r\n"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"

# Content-Length


@pytest.mark.parametrize(
    "value", [b"5", b"005", b"5 ", b"\t5", b" 5\t ", b"0000000000000000000005"], ids=ascii
)
def test_content_length_is_read_as_decimal(stand, value):
    """RFC 9110 §8.6: 1*DIGIT; leading zeros count for nothing, white space around it neither."""
    arrived = stand.forward(POST + b"Content-Length:" + value + b"\r\n\r\nabcde")
    assert (bytes(arrived.body), arrived.all("content-length")) == (b"abcde", ["5"])


@pytest.mark.parametrize("value", [b"0", b"00"], ids=ascii)
def test_post_of_nothing_keeps_its_length(stand, value):
    """RFC 9110 §8.6: a method that expects content is sent with a length, be it 0."""
    arrived = stand.forward(POST + b"Content-Length: " + value + b"\r\n\r\n")
    assert arrived.all("transfer-encoding") == []
    assert [int(length) for length in arrived.all("content-length")] == [0]


BAD_LENGTHS = [
    b"", b" ", b"a", b"5a", b"a5", b"+5", b"-5", b"-0", b"+0", b"0x5", b"0X5", b"5h", b"0b1", b"0o5", b"5.",
    b"5.0", b".5", b"5e0",
    b"5;", b"5;a=b", b"5,", b",5", b",", b"5,6", b"5, 6", b"5 5", b"5\t5", b"5_0", b"1_0", b"5'", b'"5"',
    b"(5)", b"five", b"NaN",
    b"\x005", b"5\x00", b"\x0b5", b"5\x0b", b"\x0c5", b"5\x85", b"\xa05", b"\xb2", b"\xd9\xa5",
    b"\xef\xbc\x95", b"%35", b"null",
    b"18446744073709551616", b"18446744073709551621", b"99999999999999999999", b"9" * 100, b"1" + b"0" * 50,
    b"5, 5, 6",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_LENGTHS, ids=ascii)
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"], ids=["1.1", "1.0"])
def test_bad_content_length_is_400(stand, value, version):
    """RFC 9112 §6.3: an invalid length cannot be recovered from; overflow is not a small number."""
    head = b"POST / " + version + b"\r\nHost: weir.test\r\nContent-Length: " + value + b"\r\n\r\n"
    stand.refuse(head + b"abcde", 400)


@pytest.mark.parametrize(
    "value", [b"9223372036854775808", b"9223372036854775807", b"18446744073709551615"], ids=ascii
)
def test_length_near_an_overflow_never_wraps(stand, value):
    """RFC 9110 §8.6: refused, or waited for; never taken for less."""
    seen = len(stand.app.requests)
    with stand.client() as client:
        client.send(POST + b"Content-Length: " + value + b"\r\n\r\nabcde" + request("/smuggled"))
        client.finish_sending()
        answer = client.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer
    assert [one for one in stand.app.requests[seen:] if one.complete] == []


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nX-A: b\r\ncontent-length: 6\r\n", b"Content-Length: 5\r\nContent-Length: \r\n",
        b"Content-Length: 5\r\nCONTENT-LENGTH: +5\r\n", b"Content-Length: 6\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\n Content-Length: 6\r\n", b"Content-Length: 5\r\n 0\r\n",
        b"Content-Length:\r\n 5\r\n", b"Content-Length : 5\r\n",
        b"Content-Length\t: 5\r\n", b" Content-Length: 5\r\n", b"Content-Length\x00: 5\r\n",
        b"Content-Length\r: 5\r\n", b"Content Length: 5\r\n",
        b"Content-Length: 5\rX: y\r\n", b"Content-Length: 5\nX: y\r\n", b"Content-Length\x0b: 5\r\n",
        b"\x00Content-Length: 5\r\n", b"Content-Length 5\r\n",
        b"Content-Length: 5, 5\r\nContent-Length: 6\r\n",
    ],
    ids=ascii,
)  # fmt: skip
def test_contradicting_or_misspelled_lengths_are_400(stand, fields):
    """RFC 9112 §6.3, §5.1, §5.2."""
    stand.refuse(POST + fields + b"\r\nabcde", 400)


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"Xontent-Length", b"X-Content-Length", b"Content-Length-X", b"Content-Len"]
)
def test_similar_names_frame_nothing(stand, name):
    """RFC 9112 §6.3: without the two fields a request has no body, so the next one begins at once."""
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(
            b"POST "
            + target.encode()
            + b" HTTP/1.1\r\nHost: weir.test\r\n"
            + name
            + b": 500\r\n\r\n"
            + request(target)
        )
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert [one.method for one in stand.arrived(target)] == ["POST", "GET"]


# Transfer-Encoding


@pytest.mark.parametrize(
    "value",
    [b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd", b"chunked ", b"\tchunked\t", b"  chunked"],
    ids=ascii,
)
def test_chunked_is_known_in_any_case(stand, value):
    """RFC 9112 §7: coding names are case-insensitive; white space around the value is none of it."""
    arrived = stand.forward(POST + b"Transfer-Encoding:" + value + b"\r\n\r\n" + CHUNKS)
    assert bytes(arrived.body) == b"abc"


BAD_CODINGS = [
    b"", b" ", b",", b"chunked, chunked", b"chunked,chunked", b"chunked,", b",chunked", b"chunked , ,",
    b"chunked;q=1", b"chunked;", b"chunked; a=b",
    b"chunked, identity", b"identity, chunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip",
    b"deflate, chunked", b"xchunked",
    b"chunkedx", b"chunke", b"chunk", b"chunked chunked", b"x chunked", b"chunked x", b"chunked\tx",
    b'"chunked"', b"'chunked'", b"(chunked)",
    b"chunked()", b"\x00chunked", b"chunked\x00", b"\x0bchunked", b"chunked\x0b", b"\x0cchunked",
    b"chunked\x0c", b"chunked\x7f", b"chunked\x85",
    b"\xa0chunked", b"\xff", b"\xc4\x8bhunked", b"chun\xe2\x84\xaaed", b"chunked:", b"chunked/1.0", b"cow",
    b"0", b"trailers", b"chunked=1",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_CODINGS, ids=ascii)
def test_coding_that_is_not_exactly_chunked_is_refused(stand, value):
    """RFC 9112 §6.1, §6.3: 400, or 501 for a coding that is not understood."""
    stand.refuse(POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + CHUNKS, 400, 501)


@pytest.mark.parametrize("value", [b"gzip, chunked", b"br, chunked", b"gzip"])
def test_unknown_coding_is_501(stand, value):
    """RFC 9112 §6.1: SHOULD."""
    stand.refuse(POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + CHUNKS, 501)


@pytest.mark.parametrize(
    "fields",
    [
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
        b"Transfer-Encoding: chunked\r\nX-A: b\r\ntransfer-encoding: x\r\n",
        b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding\t: chunked\r\n",
        b" Transfer-Encoding: chunked\r\n", b"\tTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n", b"Transfer-Encoding: chunked\r\n ,identity\r\n",
        b"Transfer-Encoding\x00: chunked\r\n",
        b"Transfer-Encoding\x0b: chunked\r\n", b"\x00Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding\r: chunked\r\n", b"Transfer Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n", b"X: y\rTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\nX: y\r\n", b"Transfer-Encoding chunked\r\n",
        b"Foo: bar\r\n Transfer-Encoding: chunked\r\n", b"Transfer-Encoding\xa0: chunked\r\n",
        b"\xef\xbb\xbfTransfer-Encoding: chunked\r\n", b":Transfer-Encoding: chunked\r\n",
    ],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("length", [b"", b"Content-Length: 13\r\n"], ids=["alone", "with a length"])
def test_repeated_or_misspelled_coding_is_refused(stand, fields, length):
    """RFC 9112 §5.1, §6.1, §11.2: the usual spellings of request smuggling."""
    stand.refuse(POST + length + fields + b"\r\n" + CHUNKS, 400, 501)


@pytest.mark.parametrize(
    "coding",
    [b"chunked", b"Chunked", b"identity", b"gzip, chunked", b"", b"x", b"chunked, chunked"],
    ids=ascii,
)
@pytest.mark.parametrize("length", [b"0", b"5", b"13", b"x"], ids=ascii)
@pytest.mark.parametrize("first", ["CL", "TE"])
def test_both_framings_are_refused(stand, coding, length, first):
    """RFC 9112 §6.1, §6.3: it may be smuggling; design §4 refuses it, in either order."""
    lines = [b"Content-Length: " + length + b"\r\n", b"Transfer-Encoding: " + coding + b"\r\n"]
    if first == "TE":
        lines.reverse()
    stand.refuse(POST + b"".join(lines) + b"\r\n" + CHUNKS, 400, 501)


@pytest.mark.parametrize(
    "name", [b"Transfer_Encoding", b"Xransfer-Encoding", b"Transfer-Encodin", b"X-Transfer-Encoding", b"TE"]
)
def test_similar_names_are_no_coding(stand, name):
    """RFC 9112 §6: the length counts, and upstream is told of nothing else."""
    arrived = stand.forward(POST + b"Content-Length: 5\r\n" + name + b": chunked\r\n\r\nabcde")
    assert (bytes(arrived.body), arrived.all("transfer-encoding")) == (b"abcde", [])


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"], ids=["close", "keep-alive"])
def test_coding_in_http_1_0_is_400(stand, connection):
    """RFC 9112 §6.1: the framing is faulty."""
    head = b"POST / HTTP/1.0\r\nHost: weir.test\r\n" + connection
    stand.refuse(head + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, 400)


@EITHER
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "get", "X"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_belongs_to_its_request_whatever_the_method(stand, method, framing):
    """RFC 9112 §6: the framing fields decide, not the method; the next request begins behind the body."""
    target = stand.answer(OK if method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    inner = request("/smuggled")
    if framing == "length":
        message = request(target, method, inner)
    else:
        message = request(target, method, Transfer_Encoding="chunked") + chunked(inner)
    with stand.client() as client:
        assert client.exchange(message, method).status == 200
        assert client.exchange(request()).status == 200
    assert [bytes(one.body) for one in stand.arrived(target)] == [inner]
    assert stand.arrived("/smuggled") == []


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"], ids=["length", "chunked"]
)
def test_trace_with_a_body_is_400(stand, framing):
    """RFC 9110 §9.3.8: a client must not send content in TRACE."""
    stand.refuse(b"TRACE / HTTP/1.1\r\nHost: weir.test\r\n" + framing + b"\r\n" + CHUNKS, 400)


# Chunks

GOOD_CHUNKS = {
    # RFC 9112 §7.1
    "upper case": (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "lower case": (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "leading zeros": (b"0000000000000003\r\nabc\r\n0000\r\n\r\n", b"abc"),
    "one byte each": (b"1\r\na\r\n1\r\nb\r\n1\r\n\n\r\n0\r\n\r\n", b"ab\n"),
    "CRLF as data": (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    "a last chunk as data": (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    "nothing": (b"0\r\n\r\n", b""),
    # RFC 9112 §7.1.1
    "extension": (b"3;a\r\nabc\r\n0\r\n\r\n", b"abc"),
    "extension with a value": (b"3;a=b\r\nabc\r\n0;c=d\r\n\r\n", b"abc"),
    "extension in quotes": (b'3;a="b c;,=\\"\\\\"\r\nabc\r\n0\r\n\r\n', b"abc"),
    "several extensions": (b'3;a;b=c;d="e"\r\nabc\r\n0\r\n\r\n', b"abc"),
    "a long extension": (b"3;a=" + b"b" * 4000 + b"\r\nabc\r\n0\r\n\r\n", b"abc"),
    # RFC 9112 §7.1.2
    "trailers": (b"3\r\nabc\r\n0\r\nX-A: b\r\nX-C:\r\nX-A: d\r\n\r\n", b"abc"),
}


@EITHER
@pytest.mark.parametrize(("chunks", "body"), GOOD_CHUNKS.values(), ids=GOOD_CHUNKS.keys())
def test_chunks_arrive_as_one_body(stand, chunks, body):
    """RFC 9112 §7.1: and the next request is where the last trailer ended."""
    target = stand.answer(OK)
    message = request(target, "POST", Transfer_Encoding="chunked") + chunks
    with stand.client() as client:
        client.send(message + request(target))
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert [bytes(one.body) for one in stand.arrived(target)] == [body, b""]


@EITHER
@pytest.mark.parametrize("name", ["one byte each", "extension in quotes", "trailers"])
def test_chunks_may_be_cut_at_every_byte(stand, name):
    """RFC 9112 §7.1: size, extension, data, line ends and trailers in two reads."""
    chunks, body = GOOD_CHUNKS[name]
    target = stand.answer(OK)
    head = request(target, "POST", Transfer_Encoding="chunked")
    with stand.client() as client:
        for cut in range(len(chunks)):
            client.send_cut(head + chunks, len(head) + cut)
            assert client.read_response().status == 200, f"cut at {cut}"
    assert [bytes(one.body) for one in stand.arrived(target)] == [body] * len(chunks)


BAD_CHUNKS = {
    # RFC 9112 §7.1: chunk-size is 1*HEXDIG
    **{
        f"size {size!r}": size + b"\r\nabcdefghijklmnop\r\n0\r\n\r\n"
        for size in (
            b"", b"+3", b"-3", b"-0", b"0x3", b"0X3", b"x3", b"3h", b"g", b"3_", b"1_0", b" 3", b"\t3", b"3 ",
            b"3\t", b"3 ;a", b"3.0", b"3,3",
            b'"3"', b"3\x00", b"\x003", b"3\x0b", b"\x0c3", b"3\x85", b"\xb3", b"\xef\xbc\x93", b"3 3",
            b"%33", b"'3'", b"NaN", b"three",
        )
    },
    **{
        f"overflow {size!r}": size + b"\r\nabc\r\n0\r\n\r\n"
        for size in (
            b"10000000000000003", b"ffffffffffffffff", b"8000000000000003", b"fffffffffffffffd",
            b"1" + b"0" * 99, b"f" * 1000,
        )
    },
    "size without end": b"0" * 20_000,
    "LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "CR behind the size": b"3\rabc\r\n0\r\n\r\n",
    "CR CR LF behind the size": b"3\r\r\nabc\r\n0\r\n\r\n",
    # the data is exactly as long as it says, and ends in CRLF
    "data too short": b"4\r\nabc\r\n0\r\n\r\n",
    "data too long": b"2\r\nabc\r\n0\r\n\r\n",
    "LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "CR behind the data": b"3\r\nabc\r0\r\n\r\n",
    "nothing behind the data": b"3\r\nabc0\r\n\r\n",
    "two bytes behind the data": b"3\r\nabcXX0\r\n\r\n",
    "LF CR behind the data": b"3\r\nabc\n\r0\r\n\r\n",
    # RFC 9112 §7.1.1
    **{
        f"extension {text!r}": b"3;" + text + b"\r\nabc\r\n0\r\n\r\n"
        for text in (
            b'a="b', b'a="\r\nb"', b'a="\nb"', b'a="b\\', b'a="\rb"', b"a\nb", b"a\rb", b"a=\nb", b"\n",
            b"a\x00", b'a="\x00"', b'a="b\\\x00"', b"a\x01",
            b"a\x7f", b"a=b\n\r", b'a="b"\n', b'"a"\rb',
        )
    },
    "LF in the last extension": b"3\r\nabc\r\n0;a\n\r\n",
    "very long extension": b"3;" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    "very many extensions": b"1;" + b";a=b" * 2000 + b"\r\na\r\n0\r\n\r\n",
    "extensions on each of many chunks": (b"1;" + b"a" * 3000 + b"\r\na\r\n") * 40 + b"0\r\n\r\n",
    # RFC 9112 §7.1.2: trailers are field lines
    **{
        f"trailer {text!r}": b"3\r\nabc\r\n0\r\n" + text + b"\r\n\r\n"
        for text in (
            b"X Y: z", b": z", b"X", b"X : z", b" X: z", b"\tX: z", b"X: y\r\n z", b"X: y\nZ: z",
            b"X: y\rZ: z", b"X: \x00", b"X: \x01", b"X\x00: y",
            b"X: \x7f", b"X: y\n", b"(X): y", b"X\xe9: y", b"GET / HTTP/1.1",
        )
    },
    "LF behind the last chunk": b"3\r\nabc\r\n0\n\r\n",
    "LF at the end": b"3\r\nabc\r\n0\r\n\n",
    "CR at the end": b"3\r\nabc\r\n0\r\n\rX",
    "text behind the last chunk": b"3\r\nabc\r\n0\r\nX\r\n",
    "many trailers": b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    "large trailers": b"3\r\nabc\r\n0\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("stand", "begun"), [({"request_buffer": 0}, True), ({}, False)], ids=["streamed", "collected"],
    indirect=["stand"],
)  # fmt: skip
@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_broken_chunk_is_refused(stand, begun, chunks):
    """RFC 9112 §7.1: 400 (or 431, RFC 6585 §5); upstream sees no whole request, none at all if it is collected."""
    stand.refuse(request("/", "POST", Transfer_Encoding="chunked") + chunks, 400, 431, begun=begun)


@EITHER
@pytest.mark.parametrize(
    "size", [b"fffffffffffffff", b"7ffffffffffffff", b"ffffffff", b"80000000", b"100000000"]
)
def test_huge_chunk_never_wraps(stand, size):
    """RFC 9112 §7.1: what follows is its data, however much it looks like the end."""
    seen = len(stand.app.requests)
    with stand.client() as client:
        client.send(
            request("/", "POST", Transfer_Encoding="chunked")
            + size
            + b"\r\nabc\r\n0\r\n\r\n"
            + request("/smuggled")
        )
        client.finish_sending()
        answer = client.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer
    assert [one for one in stand.app.requests[seen:] if one.complete] == []


FORBIDDEN_TRAILERS = [
    b"Content-Length: 99", b"Transfer-Encoding: chunked", b"Host: other.test", b"Authorization: Basic x",
    b"X-Forwarded-For: 6.6.6.6", b"Connection: close",
    b"Trailer: x", b"Content-Type: text/x", b"Cookie: a=b", b"X_Y: z", b"Expect: 100-continue",
    b"TE: trailers", b"Forwarded: for=6.6.6.6",
]  # fmt: skip


@EITHER
@pytest.mark.parametrize("trailer", FORBIDDEN_TRAILERS, ids=ascii)
def test_trailer_never_becomes_a_field(stand, trailer):
    """RFC 9110 §6.5.1, §6.5.2: dropped or refused, never merged, and never the framing of what follows."""
    target = stand.answer(OK)
    name, value = trailer.decode().split(": ")
    message = (
        request(target, "POST", Transfer_Encoding="chunked") + b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n\r\n"
    )
    with stand.client() as client:
        with contextlib.suppress(ConnectionError):
            client.send(message + request(target))
        statuses = [client.read_response().status]
        if statuses == [200]:
            statuses.append(client.read_response().status)
    assert statuses in ([200, 200], [400])
    for arrived in stand.arrived(target):
        assert value not in arrived.all(name) or name == "Transfer-Encoding"
        assert name.encode().lower() not in bytes(arrived.raw_body).lower()

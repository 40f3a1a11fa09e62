// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirConfiguration

@Suite("Address conflict") struct AddressConflictTests {
    @Test(
        "is refused",
        arguments: [
            (
                "--listen :8000 --listen 0.0.0.0:8000",
                #"--listen: "0.0.0.0:8000" is not allowed; give each address once"#
            ),
            (
                "--listen unix:a,unix:a",
                #"--listen: "unix:a" is not allowed; give each address once"#
            ),
            (
                "--listen :9102",
                #"--metrics: "0.0.0.0:9102" is not allowed; "#
                    + "give an address of its own, --listen has this one"
            ),
            (
                "--web.listen-address unix:a --listen unix:a",
                #"--metrics: "unix:a" is not allowed; "#
                    + "give an address of its own, --listen has this one"
            ),
            (
                "--upstream 127.0.0.1:8000",
                #"--upstream: "127.0.0.1:8000" is not allowed; "#
                    + "give the address of gunicorn, weir itself listens on this one"
            ),
            (
                "--listen :8001",
                #"--upstream: "127.0.0.1:8001" is not allowed; "#
                    + "give the address of gunicorn, weir itself listens on this one"
            ),
            (
                "--upstream localhost:9102",
                #"--upstream: "localhost:9102" is not allowed; "#
                    + "give the address of gunicorn, weir itself listens on this one"
            ),
            (
                "--listen unix:/a --upstream unix:/a",
                #"--upstream: "unix:/a" is not allowed; "#
                    + "give the address of gunicorn, weir itself listens on this one"
            ),
            (
                "--listen [::]:80 --upstream [::1]:80",
                #"--upstream: "[::1]:80" is not allowed; "#
                    + "give the address of gunicorn, weir itself listens on this one"
            ),
        ]
    )
    func refused(_ line: String, _ message: String) {
        #expect(refusal(line.split(separator: " ").map(String.init)) == message)
    }

    @Test("names the variable that the address came from")
    func variable() {
        #expect(
            refusal(["--listen", ":80"], environment: ["WEIR_METRICS": ":80"])
                == #"WEIR_METRICS: "0.0.0.0:80" is not allowed; "#
                + "give an address of its own, --listen has this one"
        )
    }

    @Test(
        "is not seen in",
        arguments: [
            "--listen :0 --listen :0 --metrics :0",
            "--listen 127.0.0.1:80 --metrics 127.0.0.2:80 --upstream 127.0.0.3:80",
            "--upstream app.internal:8000",
            "--upstream 10.0.0.5:8000",
            "--listen unix:a --upstream unix:b",
            "--listen unix:a --upstream localhost:8000",
        ]
    )
    func allowed(_ line: String) {
        #expect(refusal(line.split(separator: " ").map(String.init)) == nil)
    }
}

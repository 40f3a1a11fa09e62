-- SPDX-License-Identifier: Apache-2.0
-- Makes wrk end with one line that the harness reads; it does not touch the requests.

function done(summary, latency)
    local errors = summary.errors
    local format = "RESULT %d %d %d %.3f %.3f %d %d %d %d %d\n"
    io.write(format:format(
        summary.requests, summary.bytes, summary.duration,
        latency:percentile(50), latency:percentile(99),
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end

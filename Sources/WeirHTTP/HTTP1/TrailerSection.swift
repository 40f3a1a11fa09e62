// SPDX-License-Identifier: Apache-2.0

/// The fields behind a body (RFC 9110 §6.5).
///
/// A recipient may treat them like fields of the head, so none goes on that the head of the message
/// would have lost or had written anew: framing, routing, forwarding, or a name with `_`.
public struct TrailerSection: ~Copyable {
    private var fields = FieldSection()

    public init() {}

    /// Parses the lines and the empty line behind them.
    ///
    /// - Parameters:
    ///   - bytes: the lines.
    ///   - limits: how much there may be.
    /// - Returns: whether they are fields.
    public mutating func parse(_ bytes: RawSpan, limits: HeadLimits) -> Bool {
        if case .complete = fields.parse(bytes, from: 0, limits: limits) { true } else { false }
    }

    /// Writes the lines that may go on, byte for byte and in order.
    ///
    /// - Parameters:
    ///   - bytes: the same bytes that were parsed.
    ///   - output: must have room for as many.
    @_lifetime(output: copy output)
    public func writeForwarded(from bytes: RawSpan, into output: inout OutputRawSpan) {
        output.fill { output in
            var output = output
            fields.copy(
                bytes,
                from: 0,
                dropping: FieldKinds(rawValue: .max),
                keepingFirstOf: [],
                into: &output
            )
            return output
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

extension ValueFormat<SlotPolicy> {
    /// A number of slots, or a word for where it comes from.
    static var slots: Self {
        // More than any gunicorn has workers and threads.
        let number = ValueFormat<Int>.wholeNumber(1...100_000)
        return ValueFormat(
            valueName: number.valueName,
            bounds: number.bounds.map { "\($0), auto or unlimited" },
            allowed: "\(number.allowed), auto or unlimited",
            write: { policy in
                switch policy {
                case .unlimited: "unlimited"
                case .auto: "auto"
                case .fixed(let count): number.write(count)
                }
            },
            match: { text in
                switch text {
                case "unlimited": .unlimited
                case "auto": .auto
                default: (try? number.read(text)).map(SlotPolicy.fixed)
                }
            }
        )
    }
}

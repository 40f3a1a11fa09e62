// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2

/// One value of a label whose values are all known: every one has a cell and is always exposed.
///
/// The raw values count from zero without gaps, since they index the cells.
protocol LabelValue: CaseIterable, RawRepresentable<UInt8>, Sendable {
    /// The value as metrics show it. Cases that share a word share a series.
    var labelValue: String { get }
}

extension Method: LabelValue {
    var labelValue: String { name }
}

extension GatewayError: LabelValue {
    var labelValue: String { reason }
}

extension HeadError: LabelValue {
    var labelValue: String { reason }
}

extension HTTP2Error: LabelValue {
    var labelValue: String { reason }
}

extension BodyError: LabelValue {
    var labelValue: String { reason }
}

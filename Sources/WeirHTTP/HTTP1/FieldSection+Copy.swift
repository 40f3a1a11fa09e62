// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// Appends all lines but those of the kinds in `dropped`, byte for byte and in order.
    ///
    /// Of the kinds in `single` only the first line is kept.
    ///
    /// - Parameters:
    ///   - bytes: the message from its first byte on.
    ///   - start: what is copied in front of the first line: the start line, if it is kept.
    ///   - dropped: the kinds that are left out.
    ///   - single: the kinds that may not be repeated.
    ///   - output: where the lines go.
    @inline(always)
    func copy(
        _ bytes: RawSpan,
        from start: Int,
        dropping dropped: FieldKinds,
        keepingFirstOf single: FieldKinds,
        into output: inout OutputCursor
    ) {
        var runStart = start
        let broken = dropped.union(repeated.intersection(single))
        if !seen.isDisjoint(with: broken) {
            let lines = lines.span.extracting(first: count)
            for index in lines.indices {
                let kind = lines[index].kind
                if !kind.isDisjoint(with: broken),
                    !kind.isDisjoint(with: dropped) || index != firstIndex(of: kind)
                {
                    let lineStart = lines[index].start
                    if runStart < lineStart {
                        output.append(contentsOf: bytes.extracting(runStart..<lineStart))
                    }
                    runStart = index &+ 1 < lines.count ? lines[index &+ 1].start : tally.end
                }
            }
        }
        output.append(contentsOf: bytes.extracting(runStart..<tally.end))
    }
}

// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("House rule") struct HouseRuleTests {
    @Test("is kept by every source file", arguments: HouseRule.allCases)
    func kept(_ rule: HouseRule) {
        for file in SourceFile.all {
            for line in rule.lineNumbers(in: file) {
                Issue.record("Sources/\(file.path):\(line): \(rule.sentence)")
            }
        }
    }

    @Test("reads the sources it speaks of")
    func sources() {
        let paths = SourceFile.all.map(\.path)
        #expect(paths.contains("weir/Weir.swift"))
        #expect(paths.contains("WeirConfiguration/Options/ServeOption.swift"))
        #expect(paths.contains("CLinux/include/CLinux.h"))
    }

    @Test("finds what breaks it, and nothing else", arguments: Sample.all)
    func sample(_ sample: Sample) {
        let file = SourceFile(path: sample.path, text: sample.text)
        #expect(sample.rule.lineNumbers(in: file) == sample.lines)
    }

    @Test("has a sample that breaks it and one that does not", arguments: HouseRule.allCases)
    func isSampled(_ rule: HouseRule) {
        let samples = Sample.all.filter { $0.rule == rule }
        #expect(samples.contains { !$0.lines.isEmpty })
        #expect(samples.contains { $0.lines.isEmpty })
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import WeirIO
internal import WeirProxy

extension ProxySettings {
    /// The settings in effect: the command line, else the environment, else the default.
    ///
    /// - Throws: ``OptionError``, naming the option or variable that the value came from.
    init(
        _ arguments: ServeArguments,
        _ environment: OptionEnvironment,
        defaultThreads: Int
    ) throws(OptionError) {
        self.init()
        let range = ServeOption.threadRange
        threads = min(max(defaultThreads, range.lowerBound), range.upperBound)
        if let directory = environment.temporaryDirectory { buffering.spillDirectory = directory }
        var origins: [ServeOption: String] = [:]
        for option in ServeOption.allCases {
            let origin: String
            let text: String
            if let given = arguments.text(for: option) {
                (origin, text) = (option.flag, given)
            } else if let given = environment.text(for: option) {
                (origin, text) = (option.environmentName, given)
            } else {
                continue
            }
            origins[option] = origin
            do throws(ValueRefusal) {
                try option.setting.read(text, &self)
            } catch {
                throw .refused(name: origin, text: error.text, allowed: error.allowed)
            }
        }
        if let conflict {
            throw .refused(
                name: origins[conflict.option] ?? conflict.option.flag,
                text: conflict.address.description,
                allowed: conflict.allowed
            )
        }
    }

    /// One line for each option, `option = value`, which is what `weir check` prints.
    var listing: String {
        ServeOption.allCases.map { "\($0.name) = \($0.setting.write(self))\n" }.joined()
    }
}

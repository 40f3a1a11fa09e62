// SPDX-License-Identifier: Apache-2.0

import Glibc
import WeirConfiguration
import WeirIO
import WeirProxy

/// The program: read the command line, do what it asks, exit.
@main
enum Weir {
    static func main() {
        do throws(OptionError) {
            let invocation = try Invocation(
                arguments: Array(ProcessArguments.all.dropFirst()),
                environment: ProcessEnvironment.variables,
                defaultThreads: Machine.processorsAllowed
            )
            for warning in invocation.warnings {
                StandardStream.error.write("weir: warning: \(warning)\n")
            }
            switch invocation.request {
            case .serve(let settings): exit(Proxy.run(settings))
            case .print(let text): StandardStream.output.write(text)
            }
        } catch {
            StandardStream.error.write("weir: \(error)\n")
            exit(OptionError.exitStatus)
        }
    }
}

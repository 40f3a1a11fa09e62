// SPDX-License-Identifier: Apache-2.0

@main
enum Weir {
    static func main() {}
}

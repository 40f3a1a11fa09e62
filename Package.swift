// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// What every Swift target is built with, tests included.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// Those that lend or fill buffers as spans, which needs `@_lifetime`.
let lifetimes: [SwiftSetting] = settings + [.enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "weir",
    products: [.executable(name: "weir", targets: ["weir"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // The two system libraries of HTTP/2 and gzip.
        .systemLibrary(
            name: "CNGHTTP2",
            pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]
        ),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .target(name: "CLinux"),
        .target(name: "WeirIO", dependencies: ["CLinux"], swiftSettings: lifetimes),
        .target(name: "WeirHTTP", swiftSettings: lifetimes),
        .target(
            name: "WeirCompression",
            dependencies: ["CZlib"],
            swiftSettings: lifetimes
        ),
        .target(
            name: "WeirHTTP2",
            dependencies: ["CNGHTTP2"],
            swiftSettings: lifetimes
        ),
        .target(name: "WeirMetrics", swiftSettings: settings),
        .target(
            name: "WeirProxy",
            dependencies: ["WeirIO", "WeirHTTP", "WeirHTTP2", "WeirCompression", "WeirMetrics"],
            swiftSettings: settings
        ),
        .target(
            name: "WeirConfiguration",
            dependencies: [
                "WeirProxy", "WeirIO", "WeirHTTP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "weir",
            dependencies: ["WeirConfiguration", "WeirProxy", "WeirIO"],
            swiftSettings: settings
        ),

        .testTarget(name: "WeirIOTests", dependencies: ["WeirIO"], swiftSettings: settings),
        .testTarget(name: "WeirHTTPTests", dependencies: ["WeirHTTP"], swiftSettings: lifetimes),
        .testTarget(
            name: "WeirCompressionTests",
            dependencies: ["WeirCompression", "CZlib"],
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "WeirHTTP2Tests",
            dependencies: ["WeirHTTP2", "CNGHTTP2"],
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "WeirMetricsTests",
            dependencies: ["WeirMetrics"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WeirProxyTests",
            dependencies: ["WeirProxy", "WeirIO", "WeirHTTP", "WeirMetrics"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WeirConfigurationTests",
            dependencies: ["WeirConfiguration", "WeirProxy", "WeirIO"],
            swiftSettings: settings
        ),
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ]
)

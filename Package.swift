// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target: Swift 6 mode, the upcoming features that house style asks for, warnings as errors.
let common: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Pure targets may not touch an unsafe pointer without saying so.
let pure: [SwiftSetting] = common + [.strictMemorySafety()]

/// `FUZZ=1` adds the fuzz targets and measures what they reach; see Tests/Fuzz and `make fuzz`.
let isFuzzing = Context.environment["FUZZ"] == "1"
let coverage: [SwiftSetting] =
    isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])] : []

let package = Package(
    name: "gruveo-relay",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "gruveo-relay", targets: ["GruveoRelay"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift.git", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
    ],
    targets: [
        // C libraries of the system.
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // Pure: no I/O, no clock, no randomness of their own.
        .target(name: "JSON", swiftSettings: pure),
        .target(name: "EventPatterns", dependencies: ["JSON"], swiftSettings: pure),
        .target(name: "JSONTemplates", dependencies: ["JSON"], swiftSettings: pure),
        .target(name: "Signatures", dependencies: ["COpenSSL"], swiftSettings: pure),
        .target(
            name: "Relay",
            dependencies: [
                "JSON", "EventPatterns", "JSONTemplates", "Signatures",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: pure
        ),

        // Adapters: all I/O lives here.
        .target(
            name: "Receiver",
            dependencies: [
                "Relay",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common
        ),
        .target(
            name: "Dispatcher",
            dependencies: [
                "Relay",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common
        ),
        .target(name: "CurlSender", dependencies: ["Relay", "CCurl"], swiftSettings: common),
        .target(
            name: "SQLiteStore",
            dependencies: [
                "Relay",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: common
        ),
        .target(name: "DeadLetterFiles", dependencies: ["Relay", "JSON", "Signatures"], swiftSettings: common),
        .target(
            name: "Console",
            dependencies: [
                "Relay", "JSON",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common
        ),

        .executableTarget(
            name: "GruveoRelay",
            dependencies: [
                "JSON", "EventPatterns", "JSONTemplates", "Signatures", "Relay",
                "Receiver", "Dispatcher", "CurlSender", "SQLiteStore", "DeadLetterFiles", "Console",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("routes.schema.json"), .embedInCode("Presets")],
            swiftSettings: common
        ),

        // Measures parts; here because `package` access does not reach a package of its own.
        .executableTarget(
            name: "PartsBench", dependencies: ["JSON", "EventPatterns", "JSONTemplates", "Relay"],
            path: "Benchmarks/PartsBench", swiftSettings: common),

        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: common),
        .testTarget(name: "EventPatternsTests", dependencies: ["EventPatterns", "JSON"], swiftSettings: common),
        // Tools of Tests/Outside: test_rules_fuzz.py and test_templates_*.py.
        .executableTarget(
            name: "PatternAnswers", dependencies: ["EventPatterns", "JSON"], path: "Tests/PatternAnswers",
            swiftSettings: common),
        .testTarget(name: "JSONTemplatesTests", dependencies: ["JSONTemplates", "JSON"], swiftSettings: common),
        .executableTarget(
            name: "TemplateAnswers", dependencies: ["JSONTemplates", "JSON", "Relay"], path: "Tests/TemplateAnswers",
            swiftSettings: common),
        .testTarget(name: "SignaturesTests", dependencies: ["Signatures"], swiftSettings: common),
        // The tool of Tests/Outside/test_addresses.py.
        .executableTarget(
            name: "AddressAnswers", dependencies: ["Relay"], path: "Tests/AddressAnswers", swiftSettings: common),
        .testTarget(
            name: "RelayTests", dependencies: ["Relay", "JSON", "EventPatterns", "JSONTemplates", "Signatures"],
            swiftSettings: common),
        .testTarget(
            name: "ReceiverTests",
            dependencies: [
                "Receiver", "Relay", "Signatures",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: common),
        .testTarget(
            name: "DispatcherTests", dependencies: ["Dispatcher", "JSONTemplates", "Relay", "Signatures"],
            swiftSettings: common),
        .testTarget(name: "CurlSenderTests", dependencies: ["CurlSender", "Relay"], swiftSettings: common),
        .testTarget(
            name: "SQLiteStoreTests",
            dependencies: ["SQLiteStore", "Relay", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: common),
        .testTarget(
            name: "DeadLetterFilesTests", dependencies: ["DeadLetterFiles", "Relay", "JSON"], swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)

if isFuzzing {
    package.targets.append(.systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"))
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "CFuzzer", "JSON", "EventPatterns", "JSONTemplates", "Relay", "CurlSender", "DeadLetterFiles",
            ],
            path: "Tests/Fuzz", exclude: ["CFuzzer", "corpus", "words"], swiftSettings: common,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]))
    for target in package.targets where target.path == nil && target.type == .regular {
        target.swiftSettings = (target.swiftSettings ?? []) + coverage
    }
}

import Foundation
import JSONTemplates
import Relay

/// Measures what one request costs before it is sent: its headers, its signature, and its body.
///
/// Where a template makes the body, the request includes the parse of the event. What it costs from an event that is
/// parsed already is the difference to parsing the same events alone.
struct RequestBench {
    /// Microseconds of a Slack message from a parsed event.
    private static let slackBar = 15.0
    /// What is signed by libcrypto alone, and its microseconds on the machine of docs/performance.md: a slower machine
    /// gets as much more time.
    private static let yardstick = (name: "original bytes, standard-webhooks, one Ed25519 key", microseconds: 26.0)

    private let rounds: Int
    private let deliveries: [Delivery]
    private let only: String?
    private(set) var missed: [String] = []

    /// - Parameter only: measures the request of this name instead of all.
    init(rounds: Int, only: String?) {
        self.rounds = rounds
        self.only = only
        let now = Timestamp(milliseconds: 1_700_000_000_000)
        deliveries = SampleEvents.make(2000).enumerated().map { index, body in
            let event = Event(
                id: EventID(high: 1, low: UInt64(index)), source: "gruveo", receivedAt: now, body: body,
                routes: ["all"])
            return Delivery(
                key: DeliveryKey(rawValue: Int64(index)), event: event, destination: "crm", attempts: 0,
                isReplay: false, startedAt: now)
        }
    }

    /// Destinations as the routes file writes them.
    private static let destinations: [(name: String, keys: String)] = [
        ("original bytes", ""),
        ("original bytes, gruveo", sign("gruveo", "hmac")),
        ("original bytes, standard-webhooks, one HMAC key", sign("standard-webhooks", "whsec")),
        ("original bytes, standard-webhooks, one Ed25519 key", sign("standard-webhooks", "whsk")),
        (
            "three keys by $eval",
            #","body": {"a": {"$eval": "link"}, "b": "${resolution}", "c": {"$eval": "duration"}}"#
        ),
        ("preset slack", #","preset": "slack""#),
        ("preset discord", #","preset": "discord""#),
        ("preset teams", #","preset": "teams""#),
        ("preset hubspot-call", #","preset": "hubspot-call""#),
        ("preset zapier", #","preset": "zapier""#),
    ]

    private static func sign(_ scheme: String, _ key: String) -> String {
        #","sign": {"scheme": "\#(scheme)", "keys": [{"env": "\#(key)"}]}"#
    }

    mutating func measure() throws {
        print("| one request | CPU µs | from a parsed event | body, bytes |")
        print("| --- | --- | --- | --- |")
        let presets = try RequestBench.presets()
        let parse = try parseCost()
        var slowness = 1.0
        for (name, keys) in RequestBench.destinations where only == nil || only == name {
            let destination = try RequestBench.destination(keys, presets)
            var size = 0
            // Each event comes once: none of them is known before.
            var contexts = EventContexts(slots: 1)
            let costs = try (0..<rounds).map { _ in
                size = 0
                return try microseconds {
                    for delivery in deliveries {
                        let request = try RequestBuilder.request(
                            for: delivery, to: destination, now: delivery.startedAt, &contexts)
                        size += request.body.count
                    }
                } / Double(deliveries.count)
            }
            let cost = median(costs)
            let isMade = !name.hasPrefix("original bytes")
            printRow([name, text(cost, 2), isMade ? text(cost - parse, 2) : "", "\(size / deliveries.count)"])
            if name == RequestBench.yardstick.name { slowness = max(1, cost / RequestBench.yardstick.microseconds) }
            if name == "preset slack", !(cost - parse <= RequestBench.slackBar * slowness) {
                missed.append(
                    "\(text(cost - parse, 2)) µs for a Slack message from a parsed event, "
                        + "at most \(text(RequestBench.slackBar * slowness, 2))")
            }
        }
        printRow(["the event's parse alone", text(parse, 2), "", ""])
    }

    /// Microseconds to parse an event for a template, and to free it again.
    private func parseCost() throws -> Double {
        median(
            try (0..<rounds).map { _ in
                try microseconds {
                    for delivery in deliveries { _ = try TemplateValue.parse(delivery.event.body) }
                } / Double(deliveries.count)
            })
    }

    /// The presets of this checkout, by their files' names.
    private static func presets() throws -> PresetLibrary {
        let folder = URL(filePath: "Sources/GruveoRelay/Presets")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return PresetLibrary(
            shipped: try files.map { file in
                PresetFile(
                    name: file.deletingPathExtension().lastPathComponent, path: file.relativePath,
                    bytes: Array(try Data(contentsOf: file)))
            })
    }

    private static func destination(_ keys: String, _ presets: PresetLibrary) throws -> Destination {
        let file = """
            {"sources": {"gruveo": {"path": "/in", "keys": [{"env": "hmac"}]}},
             "destinations": {"crm": {"url": "https://crm.example.com/calls" \(keys)}}}
            """
        let (configuration, findings) = RoutesFile.load(
            Array(file.utf8), directory: "/", functions: .withoutZones, presets: presets, secret: secret)
        guard let destination = configuration?.destinations["crm"] else {
            throw BenchFault(text: findings.map { $0.line(file: "routes.json") }.joined(separator: "\n"))
        }
        return destination
    }

    /// Keys for `sign`, by the prefix that says their kind.
    private static func secret(_ reference: SecretReference) -> Result<SecretContent, SecretFault> {
        guard case .environment(let kind) = reference else { return .success(SecretContent(Array("token".utf8))) }
        let bytes = (0..<32).map { UInt8($0) }
        let prefix = kind == "hmac" ? "" : "\(kind)_"
        return .success(SecretContent(Array((prefix + Data(bytes).base64EncodedString()).utf8)))
    }
}

private struct BenchFault: Error {
    let text: String
}

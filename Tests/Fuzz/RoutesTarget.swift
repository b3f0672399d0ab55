import Foundation
import JSON
import Relay

/// Any bytes as a routes file, with secrets that are all there.
///
/// - There is a configuration or an error, never both and never neither.
/// - Each finding stands in the file, in the order of the file, on one line, and tells no secret.
/// - What is configured can route an event, and only to destinations that there are.
enum RoutesTarget {
    private static let secret = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"
    private static let event = Array(
        #"{"timestamp":1598615831871,"link":"@acme.sales","resolution":"missed","duration":0,"user":null}"#.utf8)
    private static let now = Timestamp(milliseconds: 1_598_615_836_871)

    static func check(_ text: [UInt8]) {
        let (configuration, findings) = RoutesFile.load(
            text, directory: "/etc/gruveo-relay", presets: presets, rendersSamples: true
        ) { _ in .success(SecretContent(Array(secret.utf8))) }
        let hasErrors = findings.contains { $0.severity == .error }
        promise(hasErrors == (configuration == nil), "\(findings)")
        for finding in findings {
            promise(isInside(finding.position, text), "\(finding) is outside of the file")
            promise(!finding.message.isEmpty && !finding.line(file: "f").contains { $0.isNewline }, "\(finding)")
            promise(!finding.line(file: "f").contains(secret), "\(finding) tells a secret")
        }
        let places = findings.map { ($0.position.line, $0.position.column) }
        promise(zip(places, places.dropFirst()).allSatisfy { $0 <= $1 }, "out of order: \(findings)")
        let decoded = RoutesFile.decode(text, presets: presets)
        promise(decoded.file != nil || hasErrors, "refused without secrets: \(decoded.findings)")
        if let configuration { used(configuration) }
    }

    private static func used(_ configuration: Configuration) {
        for source in configuration.sources {
            let routing = configuration.router.route(event, source: source, receivedAt: now)
            guard case .matched(_, let destinations) = routing else { continue }
            promise(destinations.allSatisfy { configuration.destinations[$0] != nil }, "\(destinations)")
        }
    }

    /// Those that come with the program.
    private static let presets: PresetLibrary = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let folder = "/\(root)/Sources/GruveoRelay/Presets"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let files = names.sorted().compactMap { file in
            FileManager.default.contents(atPath: "\(folder)/\(file)").map { data in
                PresetFile(name: String(file.dropLast(".json".count)), path: file, bytes: Array(data))
            }
        }
        promise(files.count > 10, "no presets in \(folder)")
        return PresetLibrary(shipped: files)
    }()
}

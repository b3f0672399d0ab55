import ArgumentParser
import JSON
import Relay

/// Says what the relay would do with an event, and sends nothing.
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which routes match an event and the requests that would be sent. Sends nothing.",
        discussion: """
            A route that does not match comes with the first field that fails: what the event has there, what the \
            rule wants, and what to change where it is a common mistake. Secrets are shown as <redacted>, signatures \
            as <signature>, of a URL only its host. Exit code 65 where an event would be quarantined or a \
            destination's template fails.
            """)

    @OptionGroup var options: ConfigOption

    @Option(help: "The source that the event comes from; the first of the routes file where not given.")
    var source: String?

    @Flag(help: "Print one JSON object an event.")
    var json = false

    @Argument(help: "A file with one event, or with one event a line; - for standard input.")
    var event: String

    func run() throws {
        let loaded = try loadRoutes(options.config, unreadableSecret: .note)
        guard let configuration = loaded.configuration, let file = try? JSONNode.parse(loaded.bytes) else {
            loaded.lines.forEach(Output.words)
            throw ExitStatus.badConfiguration
        }
        let source = try chosenSource(configuration)
        var isTrouble = false
        for body in Explain.events(in: try readBody(event)) {
            let explanation = Explanation(
                body: body, source: source, configuration: configuration, file: file, now: wallClock())
            if json { Output.data(explanation.object) } else { explanation.lines.forEach(Output.data) }
            if explanation.quarantineReason != nil || explanation.hasFailedTemplate { isTrouble = true }
        }
        if isTrouble { throw ExitStatus.badData }
    }

    private func chosenSource(_ configuration: Configuration) throws -> Source {
        let chosen =
            source.map { name in configuration.sources.first { $0.name == name } } ?? configuration.sources.first
        guard let chosen else {
            let known = configuration.sources.map(\.name).joined(separator: ", ")
            throw ValidationError("no such source; the routes file has: \(known.isEmpty ? "none" : known)")
        }
        return chosen
    }

    /// One JSON text over the whole file is one event; where text follows it, each line is one.
    static func events(in bytes: [UInt8]) -> [[UInt8]] {
        do throws(JSONError) {
            _ = try JSONValue.parse(bytes)
            return [bytes]
        } catch {
            guard error.kind == .trailingText else { return [bytes] }
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { line in
            line.last == UInt8(ascii: "\r") ? Array(line.dropLast()) : Array(line)
        }.filter { line in !line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
    }
}

import ArgumentParser
import JSON
import Relay

/// Writes a destination into the routes file.
struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add a destination to the routes file, which stays as it is otherwise, and check the result.",
        discussion: """
            Presets: \(ShippedPresets.files.map(\.name).joined(separator: ", ")). The new lines are written in the \
            style of those around them. Where check finds an error that was not there before, nothing is written. \
            Exit code 0 without errors, 64 for a name, preset or route that cannot be, 66 where there is no file, \
            73 where it is a link, 75 where somebody else changed it meanwhile, 77 where it may not be written, 78 \
            with errors in the file.
            """)

    @OptionGroup var options: ConfigOption

    @Option(help: "The URL itself; a credential is safer, since a webhook's URL is a secret.")
    var url: String?

    @Option(
        name: .customLong("url-credential"),
        help: "The credential that holds the URL; NAME-url unless the preset has a URL or needs a template.")
    var credential: String?

    @Option(name: .customLong("url-env"), help: "The environment variable that holds the URL.")
    var variable: String?

    @Option(name: .customLong("url-file"), help: "The file that holds the URL.", completion: .file())
    var file: String?

    @Option(name: .customLong("with"), help: "KEY=VALUE: what the preset asks for; a VALUE that is JSON is written so.")
    var parameters: [NamedValue] = []

    @Option(
        name: .customLong("allow-private"),
        help: "A private network that it may be sent to, such as 10.0.0.5/32; once for each.")
    var networks: [String] = []

    @Option(name: .customLong("to-route"), help: "A route that is to send there, by its name; once for each.")
    var routes: [String] = []

    @Flag(name: .customLong("dry-run"), help: "Print the change as a diff on standard output, and write nothing.")
    var isDryRun = false

    @Flag(help: "Print one JSON object a finding on standard output, as check does.")
    var json = false

    @Argument(help: "What the destination is: slack, zapier, …")
    var preset: String

    @Argument(help: "What the destination is to be called.")
    var name: String

    func validate() throws {
        guard [url, credential, variable, file].compactMap({ $0 }).count < 2 else {
            throw ValidationError("give only one of --url, --url-credential, --url-env and --url-file")
        }
        if json, isDryRun { throw ValidationError("--dry-run prints a diff: leave out --json") }
    }

    func run() throws {
        let edited = try explaining { () throws(EditedFile.Fault) in try EditedFile(options.config) }
        var loader = RoutesLoader(path: edited.path, unreadableSecret: .note)
        loader.rendersSamples = true
        let presets = ShippedPresets.library(directory: loader.directory).outlines
        let insertions = try insertions(edited.bytes, presets)
        let result = loader.load(insertions.applied(to: edited.bytes))
        if isDryRun {
            AdditionPreview(insertions, in: edited.bytes).lines(file: edited.path).forEach(Add.show)
        }
        let findings = Add.newErrors(in: result.findings, since: loader.load(edited.bytes).findings)
        guard findings.isEmpty else {
            Output.words(printable("\(edited.path): nothing was written, since the result would have errors:"))
            show(findings)
            throw ExitStatus.badConfiguration
        }
        if !isDryRun {
            try explaining { () throws(EditedFile.Fault) in try edited.replace(with: result.bytes) }
            Output.words(printable("\(edited.path): the destination \"\(name)\" was added"))
        }
        show(result.findings)
        advise(result, presets.first { $0.name == preset })
        if result.findings.contains(where: { $0.severity == .error }) { throw ExitStatus.badConfiguration }
    }

    private func insertions(_ bytes: [UInt8], _ presets: [PresetOutline]) throws -> [JSONInsertion] {
        let addition = DestinationAddition(
            name: name, preset: preset, url: urlValue, parameters: JSONObject(parameters.map(Add.parameter)),
            allowPrivate: networks, routes: routes)
        do throws(DestinationAddition.Fault) { return try addition.insertions(into: bytes, presets: presets) } catch {
            switch error {
            case .argument(let message):
                Output.words(printable("gruveo-relay: \(message)"))
                throw ExitCode.validationFailure
            case .file(let findings):
                show(findings)
                throw ExitStatus.badConfiguration
            }
        }
    }

    private static func parameter(_ given: NamedValue) -> JSONObject.Member {
        .init(key: given.key, value: (try? JSONValue.parse(Array(given.value.utf8))) ?? .string(given.value))
    }

    private var urlValue: JSONValue? {
        func reference(_ kind: String, _ name: String) -> JSONValue { .object(JSONObject([kind: .string(name)])) }
        if let url { return .string(url) }
        if let variable { return reference("env", variable) }
        if let file { return reference("file", file) }
        return credential.map { reference("credential", $0) }
    }

    /// The errors that the result has more than the file had; their places may have moved.
    static func newErrors(in findings: [Finding], since before: [Finding]) -> [Finding] {
        var known = before
        return findings.filter { finding in
            guard finding.severity == .error else { return false }
            let same = known.firstIndex { $0.path == finding.path && $0.message == finding.message }
            if let same { known.remove(at: same) }
            return same == nil
        }
    }

    private func show(_ findings: [Finding]) {
        for finding in findings { finding.show(file: options.config, json: json) }
    }

    /// A line of the diff with its tabs, and with the carriage return of Windows' line ends.
    private static func show(_ line: String) {
        let isWindows = line.utf8.last == UInt8(ascii: "\r")
        let parts = (isWindows ? line.dropLast() : line[...]).split(separator: "\t", omittingEmptySubsequences: false)
        Output.data(parts.map { printable(String($0)) }.joined(separator: "\t") + (isWindows ? "\r" : ""))
    }

    private func advise(_ result: RoutesLoader.Loaded, _ outline: PresetOutline?) {
        for need in outline?.needs ?? [] { Output.words("note: \(preset) needs \(need)") }
        if url != nil, outline?.templateURL == nil {
            Output.words("note: whoever can read the file now knows the URL, which is a secret: see --url-credential")
        }
        let isUsed = result.configuration?.router.routes.contains { $0.destinations.contains(name) }
        if isUsed == false {
            Output.words("note: no event goes there before a route names it in \"to\": see --to-route")
        }
    }

    private func explaining<Value: ~Copyable>(_ body: () throws(EditedFile.Fault) -> Value) throws -> Value {
        do throws(EditedFile.Fault) { return try body() } catch {
            Output.words(printable("gruveo-relay: \(error.message)"))
            throw error.exitCode
        }
    }
}

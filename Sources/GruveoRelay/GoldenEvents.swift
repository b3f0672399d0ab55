import Glibc
import JSON
import Relay

/// Runs the files of a folder, each one event and the routes that should match it, against a configuration.
struct GoldenEvents {
    /// What a run came to.
    struct Tally {
        var events = 0
        var differences = 0
        /// Errors in the files themselves.
        var errors = 0
    }

    /// One thing to say of a file.
    enum Report {
        case finding(Finding, file: String)
        case difference(GoldenDifference, of: GoldenEvent, file: String)
    }

    /// The largest file, in bytes: four times the largest body that a source takes by default.
    private static let fileLimit = 1_048_576

    /// As it stands before the names of its files: without a slash at the end.
    let folder: String
    let configuration: Configuration
    /// The routes file from which the configuration was made.
    let routesFile: JSONNode

    init(folder: String, configuration: Configuration, routesFile: JSONNode) {
        let trimmed = folder.reversed().drop { $0 == "/" }.reversed()
        self.folder = trimmed.isEmpty ? folder : String(trimmed)
        self.configuration = configuration
        self.routesFile = routesFile
    }

    /// Looks at every file, also behind one that is wrong.
    ///
    /// - Throws: `FileFault` where the folder cannot be read or has no file in it.
    func run(_ report: (Report) -> Void) throws(FileFault) -> Tally {
        let names = try Files.names(below: folder, ending: ".json")
        if names.isEmpty { throw FileFault(path: "\(folder)/*.json", code: ENOENT) }
        let reader = GoldenReader(configuration)
        var tally = Tally()
        for file in names.map({ "\(folder)/\($0)" }) {
            let (event, findings) = read(file, reader)
            findings.forEach { report(.finding($0, file: file)) }
            tally.errors += findings.count { $0.severity == .error }
            guard let event else { continue }
            tally.events += 1
            guard let difference = event.difference(by: configuration.router, file: routesFile) else { continue }
            tally.differences += 1
            report(.difference(difference, of: event, file: file))
        }
        return tally
    }

    private func read(_ file: String, _ reader: GoldenReader) -> (event: GoldenEvent?, findings: [Finding]) {
        do throws(FileFault) { return reader.read(try Files.read(file, limit: GoldenEvents.fileLimit)) } catch {
            let reason = error.code == EFBIG ? "larger than \(GoldenEvents.fileLimit) bytes" : error.reason
            let start = SourcePosition(line: 1, column: 1)
            return (nil, [Finding(severity: .error, position: start, path: "", message: reason)])
        }
    }
}

// MARK: - What is said of a difference

extension GoldenEvents {
    static func lines(_ difference: GoldenDifference, of event: GoldenEvent, file: String) -> [String] {
        var lines = ["\(file):\(event.position): difference: event: \(message(difference, of: event))"]
        lines += difference.missing.map { "    missing: \(JSONSerializer.quoted($0.name)): \($0.reason)" }
        lines += difference.extra.map { "    extra: \(JSONSerializer.quoted($0))" }
        return lines
    }

    /// The keys of a finding, and behind them what a script would otherwise read out of the message.
    static func object(_ difference: GoldenDifference, of event: GoldenEvent, file: String) -> JSONObject {
        var object = JSONObject([
            "file": .string(file), "line": .number(JSONNumber(event.position.line)),
            "column": .number(JSONNumber(event.position.column)),
            "severity": .string("difference"), "path": .string("event"),
            "message": .string(message(difference, of: event)), "source": .string(event.source.name),
            "expected": event.expected.value, "actual": difference.actual.value,
        ])
        if case .quarantined(let reason) = difference.actual { object.append("quarantined", .string(reason)) }
        object.append("missing", .array(difference.missing.map { .object($0.object) }))
        object.append("extra", .array(difference.extra.map { .object(JSONObject(["name": .string($0)])) }))
        return object
    }

    private static func message(_ difference: GoldenDifference, of event: GoldenEvent) -> String {
        "expected \(event.expected.words), got \(difference.actual.words)"
    }
}

extension GoldenEvent.Expectation {
    fileprivate var words: String {
        switch self {
        case .routes(let names): listed(names)
        case .quarantined: "quarantined"
        }
    }

    fileprivate var value: JSONValue {
        switch self {
        case .routes(let names): .array(names.map(JSONValue.string))
        case .quarantined: .string("quarantined")
        }
    }
}

extension Routing {
    fileprivate var words: String {
        switch self {
        case .matched(let routes, _): listed(routes)
        case .unmatched: listed([])
        case .quarantined(let reason): "quarantined: \(reason)"
        }
    }

    fileprivate var value: JSONValue {
        switch self {
        case .matched(let routes, _): .array(routes.map(JSONValue.string))
        case .unmatched: .array([])
        case .quarantined: .string("quarantined")
        }
    }
}

private func listed(_ routes: [String]) -> String {
    routes.isEmpty ? "no route" : routes.map(JSONSerializer.quoted).joined(separator: ", ")
}

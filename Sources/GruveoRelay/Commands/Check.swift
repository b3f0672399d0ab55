import ArgumentParser
import JSON
import Relay

/// Says all that is wrong with a routes file, without starting anything.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a routes file: everything that serve would refuse, all at once.",
        discussion: """
            Exit code 0 without errors, 78 with errors (with --strict: or warnings), 66 where there is no file, \
            65 where --events found a difference. Templates are tried with sample events. Secrets need not be \
            readable: one that is not is a note.
            """)

    @Argument(help: "The routes file (RELAY_CONFIG or /etc/gruveo-relay/routes.json).")
    var file: String = ConfigOption.defaultPath

    @Flag(help: "Treat warnings as errors.")
    var strict = false

    @Option(
        help: "A folder of *.json files { \"event\": …, \"expect\": [ \"ROUTE\" ] } to run against the routes.",
        completion: .directory)
    var events: String?

    @Flag(help: "Print one JSON object a finding or difference on standard output.")
    var json = false

    func validate() throws {
        if events?.isEmpty == true { throw ValidationError("--events needs the name of a folder") }
    }

    func run() throws {
        var loader = RoutesLoader(path: file, unreadableSecret: .note)
        loader.rendersSamples = true
        let loaded = try loadRoutes(loader)
        for finding in loaded.findings { finding.show(file: file, json: json) }
        let errors = loaded.findings.count { $0.severity == .error }
        let warnings = loaded.findings.count { $0.severity == .warning }
        summarize("\(file): \(counted(errors, "error")), \(counted(warnings, "warning"))")
        if errors > 0 || (strict && warnings > 0) { throw ExitStatus.badConfiguration }
        if let events, let configuration = loaded.configuration, let routesFile = try? JSONNode.parse(loaded.bytes) {
            try run(GoldenEvents(folder: events, configuration: configuration, routesFile: routesFile))
        }
    }

    private func run(_ golden: GoldenEvents) throws {
        let tally = try explainingFaults { () throws(FileFault) in try golden.run(show) }
        let errors = tally.errors > 0 ? ", \(counted(tally.errors, "error"))" : ""
        summarize(
            "\(golden.folder): \(counted(tally.events, "event")), \(counted(tally.differences, "difference"))\(errors)")
        if tally.differences > 0 || tally.errors > 0 { throw ExitStatus.badData }
    }

    private func show(_ report: GoldenEvents.Report) {
        switch report {
        case .finding(let finding, let file): finding.show(file: file, json: json)
        case .difference(let difference, let event, let file):
            if json {
                Output.data(GoldenEvents.object(difference, of: event, file: file))
            } else {
                GoldenEvents.lines(difference, of: event, file: file).forEach { Output.words(printable($0)) }
            }
        }
    }

    private func summarize(_ line: String) {
        if !json { Output.words(printable(line)) }
    }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

extension Finding {
    /// Prints it for a person, or as a line of data.
    func show(file: String, json: Bool) {
        if json { Output.data(object(file: file)) } else { Output.words(printable(line(file: file))) }
    }

    private func object(file: String) -> JSONObject {
        JSONObject([
            "file": .string(file), "line": .number(JSONNumber(position.line)),
            "column": .number(JSONNumber(position.column)), "severity": .string(severity.rawValue),
            "path": .string(path), "message": .string(message),
        ])
    }
}

/// Loads a routes file for a command; a file that cannot be read ends it with 66 or 77.
func loadRoutes(_ path: String, unreadableSecret: Finding.Severity) throws -> RoutesLoader.Loaded {
    try loadRoutes(RoutesLoader(path: path, unreadableSecret: unreadableSecret))
}

func loadRoutes(_ loader: RoutesLoader) throws -> RoutesLoader.Loaded {
    try explainingFaults { () throws(FileFault) in try loader.load() }
}

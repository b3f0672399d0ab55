import ArgumentParser
import JSON
import Relay

/// Says all that is wrong with a routes file, without starting anything.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a routes file: everything that serve would refuse, all at once.",
        discussion: """
            Exit code 0 without errors, 78 with errors (with --strict: or warnings), 66 where there is no file. \
            Secrets need not be readable: one that is not is a note.
            """)

    @Argument(help: "The routes file (RELAY_CONFIG or /etc/gruveo-relay/routes.json).")
    var file: String = ConfigOption.defaultPath

    @Flag(help: "Treat warnings as errors.")
    var strict = false

    @Flag(help: "Print one JSON object a finding on standard output.")
    var json = false

    func run() throws {
        let loaded = try loadRoutes(file, unreadableSecret: .note)
        for finding in loaded.findings {
            if json {
                Output.data(finding.object(file: file))
            } else {
                Output.words(printable(finding.line(file: file)))
            }
        }
        let errors = loaded.findings.count { $0.severity == .error }
        let warnings = loaded.findings.count { $0.severity == .warning }
        if !json {
            Output.words("\(file): \(counted(errors, "error")), \(counted(warnings, "warning"))")
        }
        if errors > 0 || (strict && warnings > 0) { throw ExitStatus.badConfiguration }
    }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

extension Finding {
    fileprivate func object(file: String) -> JSONObject {
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

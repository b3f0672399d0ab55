import ArgumentParser
import JSON
import Relay

/// How the running relay's destinations are, and what an operator can want of one.
struct DestinationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination",
        abstract: "List the destinations of the running relay; pause, resume or probe one.",
        discussion: """
            States: open; down (no connection, or 5xx: one delivery at a time is tried); held (it refuses us: all \
            stays queued, a probe goes out after 5, 15, then every 60 minutes); paused (by you); orphaned (deliveries \
            wait for a name that is no longer in the routes file, or it has dead letters). Exit code 66 where no \
            destination has the name, 69 where no relay runs.
            """,
        subcommands: [List.self, Pause.self, Resume.self, Probe.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how each destination is.")

        @OptionGroup var stateOption: StateOption

        @Flag(help: "Print one JSON object a destination.")
        var json = false

        func run() throws {
            let client = AdminClient(state: stateOption.state)
            let (_, answer) = try client.object(client.get("/destinations"))
            for report in answer.objects("destinations") { show(report, json: json) }
        }
    }

    struct Pause: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send nothing more to a destination until `resume`; it survives a restart.",
            discussion: "All that comes in for it is queued, and the time of what waits stands still.")

        @OptionGroup var order: OrderOptions

        func run() throws { try order.give(.pause) }
    }

    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a pause, a hold, and what a destination asked us to wait.")

        @OptionGroup var order: OrderOptions

        func run() throws { try order.give(.resume) }
    }

    struct Probe: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try a held destination, or one that is down, with one delivery now.",
            discussion: "Where it takes the delivery, all others follow. An open destination is left alone.")

        @OptionGroup var order: OrderOptions

        func run() throws { try order.give(.probe) }
    }
}

/// Whom an order is for.
struct OrderOptions: ParsableArguments {
    @OptionGroup var stateOption: StateOption

    @Flag(help: "Print how the destination is then as one JSON object.")
    var json = false

    @Argument(help: "The destination's name.")
    var name: String

    func give(_ order: LaneOrder) throws {
        // A name of the routes file needs no encoding in a path, and another one is no destination's.
        let allowed = "abcdefghijklmnopqrstuvwxyz0123456789._-".utf8
        guard !name.isEmpty, name.utf8.allSatisfy({ allowed.contains($0) }) else { throw unknown() }
        let client = AdminClient(state: stateOption.state)
        let (status, answer) = try client.object(client.post("/destinations/\(name)/\(order.rawValue)"))
        switch status {
        case 200: show(answer, json: json)
        case 404: throw unknown()
        default:
            Output.words("gruveo-relay: \(answer.text("error") ?? "")")
            throw ExitStatus.ioError
        }
    }

    private func unknown() -> ExitCode {
        Output.words(
            "gruveo-relay: no destination has the name \(printable(name)): see `gruveo-relay destination list`")
        return ExitStatus.noInput
    }
}

/// One line for a person: `crm  held since 2026-11-27T10:00:00.000Z: the destination answered 404`.
private func show(_ report: JSONObject, json: Bool) {
    if json { return Output.data(report) }
    var line = [report.text("destination"), report.text("state")].compactMap(\.self).joined(separator: "  ")
    if let since = report.text("since") { line += " since \(since)" }
    if let reason = report.text("reason") { line += ": \(reason)" }
    if let probe = report.text("probeAt") { line += "; next try from \(probe)" }
    if let rest = report.text("restsUntil") { line += "; nothing is sent before \(rest)" }
    Output.data(printable(line))
    if let advice = report.text("advice"), !advice.isEmpty { Output.data("  " + printable(advice)) }
}

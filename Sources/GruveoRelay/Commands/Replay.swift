import ArgumentParser
import JSON
import Relay

/// Sends stored events again.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send stored events again: by the rules of today, or to the destinations named with --to.",
        discussion: """
            Examples:
              gruveo-relay replay --since 2h --dry-run
              gruveo-relay replay --since 2h
              gruveo-relay replay --since 3d --to crm
              gruveo-relay replay --since 2026-11-27T14:00:00Z --until 30m --route "missed calls"
              gruveo-relay replay --since 1d --match '{"resolution": ["missed"]}' --to sales-chat
              gruveo-relay replay evt_95deccacef0e9f6a66b7dfc76df7cddb

            The running relay does it, by the routes file that is in force. Events that no route wanted, and those in \
            quarantine, go out too, where the rules want them now or --to names a destination. Receivers see the same \
            webhook-id as before and the header Relay-Replay: 1. What was delivered is sent again, each time that you \
            run the command; what is still on its way is left alone. Exit codes: 64 wrong command line, or more than \
            1000 deliveries without --yes; 65 an event whose stored bytes have changed; 66 an event that is not \
            stored; 69 no relay answers; 75 the relay is full or stops: what was queued by then goes out, and the \
            words say how to go on.
            """)

    /// So many deliveries are queued without a question.
    private static let mostWithoutYes = 1000

    @OptionGroup var stateOption: StateOption

    @Option(help: "Events received since then: how long ago (2h, 3d), or a time with its zone.")
    var since: String?

    @Option(help: "Events received until then; now where not given.")
    var until: String?

    @Option(help: "Only events that this route matches now, and only to its destinations.")
    var route: String?

    @Option(help: "To this destination, whatever the rules say; may be given several times.")
    var to: [String] = []

    @Option(help: "Only events that match this pattern, which is written as in a route.")
    var match: String?

    @Option(help: "Go on after this event: what a replay that broke off names.")
    var after: String?

    @Flag(help: "Send nothing: show what would be sent where.")
    var dryRun = false

    @Flag(help: "Queue more than 1000 deliveries.")
    var yes = false

    @Flag(help: "Print one JSON object an event.")
    var json = false

    @Argument(help: "Event ids, in full: these events instead of those of a time.")
    var events: [String] = []

    func validate() throws {
        if events.isEmpty {
            guard since != nil else { throw ValidationError("say which events: --since 2h, or event ids") }
        } else {
            guard since == nil, until == nil, after == nil else {
                throw ValidationError("event ids and --since, --until or --after exclude each other")
            }
            guard events.count <= ReplayRequest.mostIDs else {
                throw ValidationError("at most \(ReplayRequest.mostIDs) event ids at once")
            }
        }
        for id in events + [after].compactMap(\.self) where EventID(id) == nil {
            throw ValidationError("\"\(printable(String(id.prefix(60))))\" is no event id: evt_ and 32 hex digits")
        }
    }

    func run() throws {
        let request = try request()
        let session = ReplaySession(client: AdminClient(state: stateOption.state))
        var plan = ReplayReport(request, lists: dryRun ? (json ? .objects : .lines) : .nothing)
        try session.ask(request.dry, &plan)
        guard !dryRun, plan.deliveries > 0 else { return plan.summary(dryRun ? "would queue" : "queued") }
        guard yes || plan.deliveries <= ReplayCommand.mostWithoutYes else {
            plan.summary("would queue")
            Output.words(
                "gruveo-relay: that is more than \(ReplayCommand.mostWithoutYes) deliveries: give --yes to send them")
            throw ExitCode.validationFailure
        }
        var report = ReplayReport(request, lists: json ? .objects : .nothing)
        try session.ask(request, &report)
        report.summary("queued")
    }

    private func request() throws -> ReplayRequest {
        var request = ReplayRequest(try selection(), route: route, destinations: to, match: match)
        request.afterEvent = after.flatMap { EventID($0) }
        guard let match else { return request }
        let (pattern, findings) = ReplayMatch.parse(match)
        for finding in findings { Output.words(printable(finding.line(file: "--match"))) }
        if pattern == nil { throw ExitCode.validationFailure }
        return request
    }

    private func selection() throws -> ReplayRequest.Selection {
        guard let since else {
            var seen: Set<String> = []
            return .ids(events.filter { seen.insert($0).inserted }.compactMap { EventID($0) })
        }
        let now = wallClock()
        let start = try time(since, "--since", now)
        let end = try until.map { try time($0, "--until", now) } ?? now
        guard start <= end else { throw ValidationError("--until is before --since: \(end) and \(start)") }
        return .received(since: start, until: end)
    }

    private func time(_ text: String, _ option: String, _ now: Timestamp) throws -> Timestamp {
        do throws(ReplayTime.Fault) { return try ReplayTime.parse(text, now: now) } catch {
            throw ValidationError("\(option) \(error.message)")
        }
    }
}

extension ReplayRequest {
    fileprivate var dry: ReplayRequest {
        var dry = self
        dry.isDryRun = true
        return dry
    }
}

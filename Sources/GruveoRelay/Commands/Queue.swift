import ArgumentParser
import JSON
import Relay
import SQLiteStore

/// What waits, and one event's life.
struct Queue: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what waits to be delivered; show all that happened to one event; give up what waits.",
        discussion: """
            Works whether the relay runs or not; only `drop` changes anything. Exit codes: 65 the queue is damaged, 66 \
            there is no queue or no such event, 74 reading failed, 77 permission.
            """,
        subcommands: [List.self, Show.self, Drop.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the deliveries that wait, in the order in which their events came.")

        @OptionGroup var stateOption: StateOption

        @Option(help: "Only those for this destination.")
        var destination: String?

        @Option(help: "At most so many.")
        var limit = 1000

        @Flag(help: "Print one JSON object a delivery.")
        var json = false

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit is a number of deliveries from 1 on") }
        }

        func run() throws {
            let found = try explainingQueueErrors { () throws(StoreOpenError) in
                try QueueReader(directory: stateOption.state).waiting(for: destination, limit: limit + 1)
            }
            for waiting in found.prefix(limit) {
                json ? Output.data(waiting.object) : Output.data(printable(waiting.line))
            }
            if found.isEmpty && !json { Output.words("nothing waits") }
            if found.count > limit { Output.words("there are more: see --limit") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how an event came, what it matched, and every attempt to deliver it.")

        @OptionGroup var stateOption: StateOption

        @Flag(help: "Print one JSON object.")
        var json = false

        @Argument(help: "An event id, or at least 8 digits from its start.")
        var id: String

        func run() throws {
            let life = try storedEvent(id, state: stateOption.state)
            if json { return Output.data(life.object) }
            for line in life.lines { Output.data(printable(line)) }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give up what waits: it is not sent, and no dead letter is written.",
            discussion: """
                Examples:
                  gruveo-relay queue drop evt_95deccacef0e9f6a66b7dfc76df7cddb --destination crm
                  gruveo-relay queue drop --destination old-crm --yes

                What is on its way just now is left alone. What is dropped counts as discarded. As long as its event \
                is stored (limits.retention), `gruveo-relay replay ID --to DESTINATION` sends it after all. Exit \
                codes: 64 wrong command line, or a whole destination without --yes; 66 nothing waits; 75 some are on \
                their way, or the relay stops.
                """)

        @OptionGroup var stateOption: StateOption

        @Option(help: "Only for this destination; without an event id all that waits for it.")
        var destination: String?

        @Flag(help: "Drop all that waits for the destination.")
        var yes = false

        @Flag(help: "Print one JSON object a destination.")
        var json = false

        @Argument(help: "An event id, or at least 8 digits from its start.")
        var id: String?

        func validate() throws {
            guard id != nil || destination != nil else {
                throw ValidationError("say what to drop: an event id, or --destination")
            }
        }

        func run() async throws {
            let event = try id.map { try storedEvent($0, state: stateOption.state) }
            let names = try event.map(names) ?? [wholeDestination()]
            var session = DropSession(client: AdminClient(state: stateOption.state))
            defer { session.close() }
            var underWay = 0
            for name in names {
                let done = try await session.drop(name, event: event?.id)
                underWay += done.underWay
                show(done, name, event)
            }
            if underWay > 0 { throw ExitStatus.temporary }
        }

        /// The destinations for which the event waits, of those that are wanted.
        private func names(_ event: EventLife) throws -> [String] {
            let waiting = event.deliveries.filter { $0.state == .fresh || $0.state == .deferred }.map(\.destination)
            let wanted = waiting.filter { destination == nil || $0 == destination }
            guard wanted.isEmpty else { return wanted }
            Output.words(
                "gruveo-relay: \(event.id) does not wait\(destination.map { " for \(printable($0))" } ?? ""): see "
                    + "`gruveo-relay queue show \(event.id)`")
            throw ExitStatus.noInput
        }

        private func wholeDestination() throws -> String {
            let name = destination ?? ""
            let pending = try explainingQueueErrors { () throws(StoreOpenError) in
                try QueueReader(directory: stateOption.state).pending()
            }
            guard let count = pending[name] else {
                Output.words(
                    "gruveo-relay: nothing waits for \(printable(name)): see `gruveo-relay destination list` for the "
                        + "names, and `gruveo-relay queue list`")
                throw ExitStatus.noInput
            }
            guard yes else {
                let deliveries = count == 1 ? "1 delivery waits" : "\(count) deliveries wait"
                Output.words("gruveo-relay: \(deliveries) for \(name): give --yes to drop all")
                throw ExitCode.validationFailure
            }
            return name
        }

        private func show(_ done: DropSession.Outcome, _ name: String, _ event: EventLife?) {
            if json {
                Output.data(
                    JSONObject([
                        "destination": .string(name), "dropped": .number(JSONNumber(done.dropped)),
                        "underWay": .number(JSONNumber(done.underWay)),
                    ]))
            } else if let event {
                if done.dropped > 0 { Output.data("dropped \(event.id) for \(name)") }
            } else {
                Output.data("dropped \(done.dropped) \(done.dropped == 1 ? "delivery" : "deliveries") for \(name)")
            }
            guard done.underWay > 0 else { return }
            let what = event.map { "\($0.id) is" } ?? "\(done.underWay) more \(done.underWay == 1 ? "is" : "are")"
            Output.words("gruveo-relay: \(what) on the way to \(name) just now and left alone")
        }
    }
}

/// So many ids are named where the digits fit several events.
private let namedIDs = 10

/// The one event whose id begins so; ends the command where there is none, or several.
private func storedEvent(_ id: String, state: String) throws -> EventLife {
    guard let prefix = EventIDPrefix(id) else {
        Output.words(
            "gruveo-relay: \(printable(String(id.prefix(60)))) is no event id: write evt_ and 32 hex digits, "
                + "or the first 8 or more")
        throw ExitCode.validationFailure
    }
    let found = try explainingQueueErrors { () throws(StoreOpenError) in
        try QueueReader(directory: state).events(prefix, limit: namedIDs)
    }
    guard let life = found.first else {
        Output.words(
            "gruveo-relay: no event \(id) is stored: settled events are deleted after limits.retention, and "
                + "`gruveo-relay dead show \(id)` shows a dead letter")
        throw ExitStatus.noInput
    }
    guard found.count == 1 else {
        let ids = found.map(\.id.description).joined(separator: ", ")
        Output.words("gruveo-relay: \(id) is the start of several ids: \(ids)")
        throw ExitCode.validationFailure
    }
    return life
}

import ArgumentParser
import JSON
import Relay
import SQLiteStore

/// What waits, and one event's life.
struct Queue: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what waits to be delivered; show all that happened to one event.",
        discussion: """
            Works whether the relay runs or not, and changes nothing. Exit codes: 65 the queue is damaged, 66 there is \
            no queue or no such event, 74 reading failed, 77 permission.
            """,
        subcommands: [List.self, Show.self])

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

        /// So many ids are named where the digits fit several events.
        private static let named = 10

        func run() throws {
            guard let prefix = EventIDPrefix(id) else {
                Output.words(
                    "gruveo-relay: \(printable(String(id.prefix(60)))) is no event id: write evt_ and 32 hex digits, "
                        + "or the first 8 or more")
                throw ExitCode.validationFailure
            }
            let found = try explainingQueueErrors { () throws(StoreOpenError) in
                try QueueReader(directory: stateOption.state).events(prefix, limit: Show.named)
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
            if json { return Output.data(life.object) }
            for line in life.lines { Output.data(printable(line)) }
        }
    }
}

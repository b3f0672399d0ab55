import ArgumentParser
import CurlSender
import DeadLetterFiles
import Glibc
import JSON
import Relay
import SQLiteStore

/// Dead letters: list, show, send again, give up.
struct Dead: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, redrive or discard dead letters. Works whether the relay runs or not.",
        subcommands: [List.self, Show.self, Redrive.self, Discard.self])
}

/// Which letter is meant.
struct LetterOptions: ParsableArguments {
    @OptionGroup var stateOption: StateOption

    @Option(name: .customLong("destination"), help: "The destination, where the event is dead at several.")
    var destination: String?

    @Argument(help: "An event id, or at least 8 digits from its start.")
    var id: String

    var directory: DeadLetterDirectory { DeadLetterDirectory(stateDirectory: stateOption.state) }

    func find() throws -> DeadLetterFile {
        try explainingErrors { () throws(DeadLetterError) in try directory.show(id, destination: destination).file }
    }
}

/// Says in one line what went wrong and ends with the code for it.
func explainingErrors<Value>(_ body: () throws(DeadLetterError) -> Value) throws -> Value {
    do throws(DeadLetterError) { return try body() } catch {
        Output.words("gruveo-relay: \(error)")
        switch error {
        case .notFound: throw ExitStatus.noInput
        case .invalidID, .invalidDestination, .ambiguous, .severalDestinations: throw ExitCode.validationFailure
        case .unreadable, .misplaced, .tooLarge: throw ExitStatus.badData
        case .alreadyWaiting: throw ExitStatus.temporary
        case .noRoom: throw ExitStatus.ioError
        case .system(let fault):
            switch fault.code {
            case EACCES, EPERM: throw ExitStatus.noPermission
            case ENOENT: throw ExitStatus.noInput
            case ENOTDIR, EEXIST: throw ExitStatus.cannotCreate
            default: throw ExitStatus.ioError
            }
        }
    }
}

extension Dead {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dead letters, oldest first.")

        @OptionGroup var stateOption: StateOption

        @Option(help: "Only those of this destination.")
        var destination: String?

        @Flag(help: "Print one JSON object a letter.")
        var json = false

        func run() throws {
            let directory = DeadLetterDirectory(stateDirectory: stateOption.state)
            let wanted = destination
            let listing = try explainingErrors { () throws(DeadLetterError) in try directory.list(destination: wanted) }
            for letter in listing.letters { json ? Output.data(letter.object) : Output.data(letter.line) }
            for problem in listing.problems { Output.words("\(problem.path): \(problem.reason)") }
            if listing.letters.isEmpty && !json { Output.words("no dead letters") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a dead letter, as its file has it.")

        @OptionGroup var letter: LetterOptions

        func run() throws {
            let options = letter
            let found = try explainingErrors { () throws(DeadLetterError) in
                try options.directory.show(options.id, destination: options.destination)
            }
            Output.data(printable(JSONSerializer.pretty(found.record.document)))
        }
    }

    struct Redrive: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a dead letter again: moves its file to redrive/, which the relay looks into.",
            discussion: "`mv dead-letters/DESTINATION/FILE redrive/` in the state directory does the same.")

        @OptionGroup var letter: LetterOptions

        func run() throws {
            let file = try letter.find()
            let directory = letter.directory
            let path = try explainingErrors { () throws(DeadLetterError) in try directory.redrive(file) }
            Output.words("moved to \(path)")
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a dead letter up: deletes its file, and counts it as discarded.",
            discussion: "Exit code 75 where it is sent again just now, or was moved meanwhile.")

        @OptionGroup var letter: LetterOptions

        func run() async throws {
            let file = try letter.find()
            try await count(file)
            let directory = letter.directory
            let wasThere = try explainingErrors { () throws(DeadLetterError) in try directory.delete(file) }
            guard wasThere else {
                Output.words(
                    "gruveo-relay: \(file.path) was deleted or moved meanwhile: from redrive/ it is sent again")
                throw ExitStatus.temporary
            }
            Output.words("discarded \(file.id) for \(file.destination)")
        }

        /// The books first: a running relay keeps them, otherwise we open the store ourselves.
        private func count(_ file: DeadLetterFile) async throws {
            let target = "/discard/\(file.destination)/\(file.id)"
            let client = AdminClient(state: letter.stateOption.state)
            let reply = client.post(target)
            if case .answer = reply {
                let (status, answer) = try client.object(reply)
                guard status == 200 else { throw notDiscarded(answer.text("error") ?? "", isUnderWay: status == 409) }
                return
            }
            let store = try openStore(letter.stateOption.state, limits: StoreLimits()) { _ in }
            defer { store.close() }
            do {
                try await awaiting { store.discard(file.id, destination: file.destination, completion: $0) }
            } catch let error as StoreError {
                throw notDiscarded(error.description, isUnderWay: error.kind == .underWay)
            }
        }

        private func notDiscarded(_ reason: String, isUnderWay: Bool) -> ExitCode {
            Output.words("gruveo-relay: not discarded: \(printable(reason))")
            return isUnderWay ? ExitStatus.temporary : ExitStatus.ioError
        }
    }
}

extension DeadLetterSummary {
    fileprivate var line: String {
        "\(file.id)  \(file.destination)  received \(receivedAt)  died \(diedAt)  "
            + "\(attempts) attempt\(attempts == 1 ? "" : "s")  \(printable(reason.text))"
    }

    fileprivate var object: JSONObject {
        JSONObject([
            "id": .string("\(file.id)"), "destination": .string(file.destination), "source": .string(source),
            "routes": .array(routes.map { .string($0) }), "receivedAt": .string("\(receivedAt)"),
            "diedAt": .string("\(diedAt)"), "attempts": .number(JSONNumber(attempts)), "edited": .bool(isEdited),
            "reason": .object(
                JSONObject([
                    "code": .string(reason.code), "text": .string(reason.text), "advice": .string(reason.advice),
                ])), "path": .string(file.path),
        ])
    }
}

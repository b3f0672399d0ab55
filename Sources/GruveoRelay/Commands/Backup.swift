import ArgumentParser
import JSON
import Relay
import SQLiteStore

/// Copies the queue while the relay runs.
struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the queue into one file, while the relay runs or not.",
        discussion: """
            The copy holds all that was acknowledged before it began. Dead letters are ordinary files: copy them with \
            cp. To restore, put the file as queue.sqlite into a state directory without queue.mark, queue.sqlite-wal \
            and queue.sqlite-shm. Exit codes: 65 the queue is damaged, 66 there is none, 73 the file is there already, \
            74 reading or writing failed, 77 permission.
            """)

    @Argument(help: "The file to write.", completion: .file())
    var file: String

    @OptionGroup var stateOption: StateOption

    @Flag(help: "Replace the file where it is there already.")
    var force = false

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    func run() throws {
        let report = try explainingQueueErrors { () throws(StoreOpenError) in
            try StoreBackup.run(directory: stateOption.state, to: file, replaces: force)
        }
        let counts = report.counts
        if json {
            Output.data(
                JSONObject([
                    "file": .string(file), "bytes": .number(JSONNumber(Int(report.bytes))),
                    "matched": .number(JSONNumber(counts.matched)),
                    "pending": .number(JSONNumber(counts.pending)), "dead": .number(JSONNumber(counts.dead)),
                ]))
        } else {
            let kibibytes = report.bytes / 1024
            let size = kibibytes < 10_240 ? "\(kibibytes) KiB" : "\(kibibytes / 1024) MiB"
            Output.words("\(file): \(size), \(counts.matched) events matched, \(counts.pending) deliveries pending")
        }
    }
}

package import Relay

/// What `dead list` shows of a letter.
package struct DeadLetterSummary: Sendable {
    package let file: DeadLetterFile
    package let source: String
    package let routes: [String]
    package let receivedAt: Timestamp
    package let diedAt: Timestamp
    package let reason: StopReason
    package let attempts: Int
    /// Whether a person has changed the event in the file.
    package let isEdited: Bool

    init(_ file: DeadLetterFile, _ record: DeadLetterRecord) {
        self.file = file
        source = record.event.source
        routes = record.event.routes
        receivedAt = record.event.receivedAt
        diedAt = record.diedAt
        reason = record.reason
        attempts = record.attempts.count
        isEdited = record.editedBody != nil
    }
}

/// Something in dead-letters/ that is no usable letter.
package struct DeadLetterProblem: Sendable, Equatable {
    /// Printable; relative to the state directory for a file with a letter's name, else the whole path.
    package let path: String
    package let reason: String
}

/// All letters, by destination and time of receipt, and what else lies there.
package struct DeadLetterListing: Sendable {
    package fileprivate(set) var letters: [DeadLetterSummary] = []
    package fileprivate(set) var problems: [DeadLetterProblem] = []
}

extension DeadLetterDirectory {
    /// Reads all letters, or those of one destination. What is no letter is reported beside them.
    /// - Throws: where the directories themselves cannot be read.
    package func list(destination: String? = nil) throws(DeadLetterError) -> DeadLetterListing {
        var listing = DeadLetterListing()
        let files = try files(destination: destination) { listing.problems.append($0) }
        for file in files {
            do {
                listing.letters.append(DeadLetterSummary(file, try read(file)))
            } catch .notFound {
                // Moved or deleted while we were reading: not there any more, as if we had come later.
                continue
            } catch {
                listing.problems.append(DeadLetterProblem(path: file.path, reason: error.reasonAlone))
            }
        }
        return listing
    }

    /// The files of one event, one for each destination where it is dead.
    /// - Parameter id: an event id, or at least 8 digits from its start; `evt_` may be left out.
    package func find(_ id: String, destination: String? = nil) throws(DeadLetterError) -> [DeadLetterFile] {
        guard let prefix = EventIDPrefix(id) else { throw .invalidID(id) }
        let found = try files(destination: destination) { _ in }.filter { prefix.fits($0.id) }
        let ids = Set(found.map(\.id.description)).sorted()
        if ids.isEmpty { throw .notFound(id) }
        guard ids.count == 1 else { throw .ambiguous(id, candidates: ids) }
        return found
    }

    /// The one letter of an event.
    /// - Parameter destination: needed where the event is dead at several.
    package func show(
        _ id: String, destination: String? = nil
    ) throws(DeadLetterError) -> (file: DeadLetterFile, record: DeadLetterRecord) {
        let files = try find(id, destination: destination)
        guard let file = files.first else { throw .notFound(id) }
        guard files.count == 1 else { throw .severalDestinations(id, files.map(\.destination)) }
        return (file, try read(file))
    }
}

// MARK: - Walking

extension DeadLetterDirectory {
    /// Whether there is a letter of the destination.
    package func hasLetter(of destination: String) throws(DeadLetterError) -> Bool {
        try !files(destination: destination) { _ in }.isEmpty
    }

    /// The files whose place and name are those of a letter; the rest goes to `report`.
    private func files(
        destination: String?, report: (DeadLetterProblem) -> Void
    ) throws(DeadLetterError) -> [DeadLetterFile] {
        if let destination, !isRelayName(destination) { throw .invalidDestination(destination) }
        do {
            guard let letters = try tree.existing(.deadLetters) else { return [] }
            var files: [DeadLetterFile] = []
            for name in try letters.names() where destination.map({ FileName($0) == name }) ?? true {
                let text = String(decoding: name.bytes, as: UTF8.self)
                guard isRelayName(text) else {
                    report(DeadLetterProblem(path: letters.place(name), reason: "no directory of a destination"))
                    continue
                }
                files += try DeadLetterDirectory.files(in: letters, destination: text, report: report)
            }
            return files
        } catch {
            throw .system(error)
        }
    }

    private static func files(
        in letters: borrowing DirectoryHandle, destination: String, report: (DeadLetterProblem) -> Void
    ) throws(FileError) -> [DeadLetterFile] {
        let name = FileName(destination)
        guard let status = try letters.status(of: name) else { return [] }
        guard status.kind == .directory else {
            report(DeadLetterProblem(path: letters.place(name), reason: "no directory of a destination"))
            return []
        }
        guard let directory = try letters.directory(name) else { return [] }
        var files: [DeadLetterFile] = []
        for entry in try directory.names() {
            if let file = DeadLetterFile(name: entry, destination: destination) {
                files.append(file)
            } else {
                let reason = entry.isHidden ? "a hidden or unfinished file" : "not the name of a dead letter"
                report(DeadLetterProblem(path: directory.place(entry), reason: reason))
            }
        }
        return files
    }
}

extension DeadLetterError {
    /// The description without the path that the listing gives beside it.
    fileprivate var reasonAlone: String {
        switch self {
        case .unreadable(_, let fault): fault.description
        case .tooLarge(_, let limit): "larger than \(limit) bytes"
        case .misplaced: "the id or the destination in the file is another than its place says"
        default: description
        }
    }
}

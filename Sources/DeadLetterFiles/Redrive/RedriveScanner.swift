import Glibc
package import Relay
import Synchronization

/// A file in redrive/ that has not changed for long enough to be read.
package struct RedriveCandidate: Sendable {
    package let name: FileName
    let status: FileStatus

    /// In bytes.
    var size: Int { Int(status.size) }
}

/// What a candidate turned out to be.
package enum RedriveFinding: Sendable {
    case usable(Redrive)
    case refused(RedriveRefusal)
    /// Gone, or changed since it was looked at: a later scan decides.
    case unsettled
    /// The system is in trouble, the file may be fine: it stays.
    case failed(FileError)
}

/// Looks through redrive/, step by step; the caller commits between the steps. Each step blocks its caller.
package final class RedriveScanner: Sendable {
    private struct Sighting {
        let status: FileStatus
        let since: ContinuousClock.Instant
    }

    /// For how long a file must not change before it is read: whoever copies it may not be done.
    package static let settledAfter = Duration.seconds(2)

    private let tree: StateTree
    private let sightings = Mutex<[FileName: Sighting]>([:])

    /// - Parameter stateDirectory: the path of STATE, which exists.
    package init(stateDirectory: String) { tree = StateTree(path: stateDirectory) }

    /// The entries that have been seen unchanged for 2 s. Hidden ones are left alone: editors keep theirs there.
    package func scan(now: ContinuousClock.Instant) throws(FileError) -> [RedriveCandidate] {
        let directory = try tree.making(.redrive)
        let before = sightings.withLock { $0 }
        var after: [FileName: Sighting] = [:]
        var candidates: [RedriveCandidate] = []
        for name in try directory.names() where !name.isHidden && name != .refused {
            guard let status = try directory.status(of: name) else { continue }
            let known = before[name].flatMap { $0.status == status ? $0 : nil }
            let sighting = known ?? Sighting(status: status, since: now)
            after[name] = sighting
            if now - sighting.since >= RedriveScanner.settledAfter {
                candidates.append(RedriveCandidate(name: name, status: status))
            }
        }
        sightings.withLock { $0 = after }
        return candidates
    }

    /// Reads a candidate.
    /// - Parameter now: when the redriven delivery's budget in time starts.
    package func examine(_ candidate: RedriveCandidate, at now: Timestamp) -> RedriveFinding {
        if let refusal = RedriveScanner.refusal(of: candidate) { return .refused(refusal) }
        do {
            guard let directory = try tree.existing(.redrive),
                let contents = try directory.read(candidate.name, limit: DeadLetterDocument.limit),
                contents.status == candidate.status
            else { return .unsettled }
            return RedriveScanner.finding(in: contents.bytes, at: now)
        } catch {
            switch error.code {
            case EACCES, EPERM: return .refused(.forbidden)
            // Replaced by something else since the scan.
            case ELOOP, EISDIR, ENXIO, EFBIG: return .unsettled
            default: return .failed(error)
            }
        }
    }

    /// Deletes files whose deliveries the store has committed. One that was replaced in the meantime stays.
    package func finish(_ candidates: [RedriveCandidate]) throws(FileError) {
        guard !candidates.isEmpty, let directory = try tree.existing(.redrive) else { return }
        for candidate in candidates where try directory.status(of: candidate.name) == candidate.status {
            try directory.unlink(candidate.name)
        }
        try directory.synchronize()
    }

    /// Moves an entry to redrive/refused/, beside a text which says why.
    ///
    /// The text is written first: a crash in between leaves a text too many, never a file that nobody explains.
    package func refuse(_ candidate: RedriveCandidate, reason: RedriveRefusal) throws(FileError) {
        let refused = try tree.making(.redrive, .refused)
        guard let directory = try tree.existing(.redrive),
            try directory.status(of: candidate.name) == candidate.status
        else { return }
        let name = try RedriveScanner.freeName(for: candidate.name, in: refused)
        try refused.write(RedriveScanner.explanation(reason), as: FileName(bytes: name.bytes + Array(".txt".utf8)))
        try directory.rename(candidate.name, to: refused, as: name)
        try refused.synchronize()
        try directory.synchronize()
    }
}

// MARK: - Decisions

extension RedriveScanner {
    private static func refusal(of candidate: RedriveCandidate) -> RedriveRefusal? {
        switch candidate.status.kind {
        case .symbolicLink: return .symbolicLink
        case .directory: return .directory
        case .other: return .special
        case .regular: break
        }
        if candidate.status.links > 1 { return .hardLink }
        if !candidate.name.hasSuffix(".json") { return .wrongName }
        let limit = DeadLetterDocument.limit
        return candidate.status.size > limit ? .tooLarge(limit: limit) : nil
    }

    private static func finding(in text: [UInt8], at now: Timestamp) -> RedriveFinding {
        do { return .usable(try DeadLetterRecord(parsing: text).redrive(at: now)) } catch {
            return .refused(.fault(error))
        }
    }

    private static func explanation(_ reason: RedriveRefusal) -> [UInt8] {
        Array(
            """
            The relay did not send this: \(reason).
            Mend it and move it back to redrive/, or delete it.

            """.utf8)
    }

    /// The entry's own name where it is free, else with a number; cut so that `.txt` and a temporary name still fit
    /// into the 255 bytes of NAME_MAX.
    private static func freeName(
        for name: FileName, in directory: borrowing DirectoryHandle
    ) throws(FileError) -> FileName {
        let stem = name.bytes.prefix(220)
        var candidate = FileName(bytes: Array(stem))
        var number = 2
        while try directory.status(of: candidate) != nil {
            candidate = FileName(bytes: stem + Array(".\(number)".utf8))
            number += 1
        }
        return candidate
    }
}

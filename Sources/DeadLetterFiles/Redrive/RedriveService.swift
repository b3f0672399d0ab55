import Dispatch
import Glibc
package import Relay

/// What the redrive loop did with a file, for the log.
package enum RedriveReport: Sendable {
    case accepted(file: String, Redrive)
    case refused(file: String, RedriveRefusal)
    /// Will be tried again; told once, not every 2 s.
    case failed(String)
}

/// Where the redrive loop gets its time from.
package struct RedriveClock: Sendable {
    let now: @Sendable () -> Timestamp
    let steady: @Sendable () -> ContinuousClock.Instant
    /// Waits until the next scan is due; throws where the task is cancelled.
    let pause: @Sendable () async throws -> Void

    package init(
        now: @escaping @Sendable () -> Timestamp, steady: @escaping @Sendable () -> ContinuousClock.Instant,
        pause: @escaping @Sendable () async throws -> Void
    ) {
        self.now = now
        self.steady = steady
        self.pause = pause
    }

    /// The system's clocks, and 2 s between two scans.
    package static let system = RedriveClock(
        now: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        },
        steady: { ContinuousClock.now },
        pause: { try await Task.sleep(for: .seconds(2)) })
}

/// Sends again what a person moves to redrive/: commits each delivery, then deletes its file. A crash in between is
/// harmless, since the store takes the same redrive twice.
package final class RedriveService: Sendable {
    /// Files of one group commit; their texts are in memory together only within `batchBytes`.
    private static let batchFiles = 64
    private static let batchBytes = 4 * 1024 * 1024

    private let scanner: RedriveScanner
    private let store: any Store
    private let clock: RedriveClock
    private let report: @Sendable (RedriveReport) -> Void
    private let queue = DispatchQueue(label: "redrive")

    /// - Parameter report: called from the loop for each file that was accepted or refused, and for new failures.
    package init(
        stateDirectory: String, store: any Store, clock: RedriveClock = .system,
        report: @escaping @Sendable (RedriveReport) -> Void
    ) {
        scanner = RedriveScanner(stateDirectory: stateDirectory)
        self.store = store
        self.clock = clock
        self.report = report
    }

    /// Scans at once and then after each pause, until the task is cancelled.
    package func run() async {
        var known: Set<String> = []
        while !Task.isCancelled {
            let failures = Set(await pass())
            for failure in failures.subtracting(known).sorted() { report(.failed(failure)) }
            known = failures
            do { try await clock.pause() } catch { return }
        }
    }

    /// One scan with all that follows from it.
    /// - Returns: what failed.
    private func pass() async -> [String] {
        let scanner = scanner
        let now = clock.steady()
        let scan = await onQueue { Result { () throws(FileError) in try scanner.scan(now: now) } }
        switch scan {
        case .failure(let error): return [error.description]
        case .success(let candidates):
            var failures: [String] = []
            for batch in RedriveService.batches(candidates) where !Task.isCancelled {
                failures += await process(batch)
            }
            return failures
        }
    }

    private func process(_ batch: [RedriveCandidate]) async -> [String] {
        let scanner = scanner
        let now = clock.now()
        let findings = await onQueue { batch.map { ($0, scanner.examine($0, at: now)) } }
        var usable: [(RedriveCandidate, Redrive)] = []
        var refused: [(RedriveCandidate, RedriveRefusal)] = []
        var failures: [String] = []
        for (candidate, finding) in findings {
            switch finding {
            case .usable(let redrive): usable.append((candidate, redrive))
            case .refused(let reason): refused.append((candidate, reason))
            case .failed(let error): failures.append(error.description)
            case .unsettled: continue
            }
        }
        failures += await accept(usable)
        failures += await refuse(refused)
        return failures
    }

    private func accept(_ usable: [(RedriveCandidate, Redrive)]) async -> [String] {
        let (committed, failures) = await commit(usable)
        for (candidate, redrive) in committed { report(.accepted(file: candidate.name.display, redrive)) }
        let scanner = scanner
        let candidates = committed.map(\.0)
        let finish = await onQueue { Result { () throws(FileError) in try scanner.finish(candidates) } }
        guard case .failure(let error) = finish else { return failures }
        return failures + [error.description]
    }

    /// All at once, so that they share the store's group commit.
    private func commit(
        _ usable: [(RedriveCandidate, Redrive)]
    ) async -> (committed: [(RedriveCandidate, Redrive)], failures: [String]) {
        let store = store
        return await withTaskGroup(of: (Int, String?).self) { group in
            for (index, entry) in usable.enumerated() {
                group.addTask {
                    do {
                        try await awaiting { store.redrive(entry.1, completion: $0) }
                        return (index, nil)
                    } catch {
                        return (index, "cannot send \(entry.0.name.display) again: \(error)")
                    }
                }
            }
            var committed: [(RedriveCandidate, Redrive)] = []
            var failures: [String] = []
            for await (index, failure) in group {
                if let failure { failures.append(failure) } else { committed.append(usable[index]) }
            }
            return (committed, failures)
        }
    }

    private func refuse(_ refused: [(RedriveCandidate, RedriveRefusal)]) async -> [String] {
        let scanner = scanner
        var failures: [String] = []
        for (candidate, reason) in refused {
            let move = await onQueue {
                Result { () throws(FileError) in try scanner.refuse(candidate, reason: reason) }
            }
            switch move {
            case .success: report(.refused(file: candidate.name.display, reason))
            case .failure(let error): failures.append(error.description)
            }
        }
        return failures
    }

    private func onQueue<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in queue.async { continuation.resume(returning: work()) } }
    }

    private static func batches(_ candidates: [RedriveCandidate]) -> [[RedriveCandidate]] {
        var batches: [[RedriveCandidate]] = []
        var bytes = 0
        for candidate in candidates {
            let isFull = (batches.last?.count ?? batchFiles) >= batchFiles || bytes + candidate.size > batchBytes
            if isFull { (bytes, batches) = (0, batches + [[]]) }
            batches[batches.count - 1].append(candidate)
            bytes += candidate.size
        }
        return batches
    }
}

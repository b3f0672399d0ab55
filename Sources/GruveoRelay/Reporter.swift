import DeadLetterFiles
import Dispatcher
import Logging
import Relay
import SQLiteStore
import Synchronization

/// Turns what the parts tell into log lines. One line an event at info, attempts at debug, trouble as warnings.
struct Reporter: Sendable {
    private let logger: Logger
    private let badSignatures = RateLimitedCount()
    private let unsettled = RateLimitedCount()
    private let failedConditions = RateLimitedCount()
    private let keyMatches = KeyMatches()

    init(logger: Logger) { self.logger = logger }

    /// How many events each key has verified since the start, by `source/label`: an old key whose number stays can go.
    func matchesByKey() -> [String: Int] { keyMatches.all() }

    func intake(_ notice: Intake.Notice) {
        switch notice {
        case .accepted(let acceptance, let source, let keyLabel, let routing):
            keyMatches.add(source: source, keyLabel: keyLabel)
            guard logger.logLevel <= .info else { return }
            logger.info(
                acceptance.isDuplicate ? "duplicate" : "accepted",
                metadata: [
                    "event": "\(acceptance.id)", "source": "\(source)", "key": "\(keyLabel)",
                    "routing": "\(describe(routing))",
                ])
        case .badSignature(let source):
            // A scanner must not fill the disk with lines: one a second, with the number of those left out.
            guard let silent = badSignatures.next(now: wallClock()) else { return }
            logger.warning("signature refused", metadata: ["source": "\(source)", "alsoUnlogged": "\(silent)"])
        case .refused(let source, let error):
            logger.error("event not stored", metadata: ["source": "\(source)", "error": "\(error)"])
        }
    }

    func dispatch(_ notice: DispatchNotice) {
        switch notice {
        case .attempted(let delivery, let attempt, let judgement, let isHeld):
            attempted(delivery, attempt, judgement, isHeld)
        case .changed(let destination, let state, let reason): changed(destination, state, reason)
        case .died(let delivery, let reason):
            logger.error(
                "dead letter written",
                metadata: ids(delivery).merging(["reason": "\(reason.text)", "advice": "\(reason.advice)"]) { $1 })
        case .deadLetterFailed(let delivery, let error):
            logger.error("dead letter not written", metadata: ids(delivery).merging(["error": "\(error)"]) { $1 })
        case .leaseFailed(let destination, let error):
            logger.error("queue not read", metadata: ["destination": "\(destination)", "error": "\(error)"])
        case .settleFailed(let error):
            guard let silent = unsettled.next(now: wallClock()) else { return }
            logger.error("outcome not stored yet", metadata: ["error": "\(error)", "alsoUnlogged": "\(silent)"])
        case .tokenFetched(let destination, let isRotated): tokenFetched(destination, isRotated)
        case .tokenRefused(let delivery):
            logger.notice("access token refused, sent again with another one", metadata: ids(delivery))
        }
    }

    /// A hold is told with the attempt that brought it.
    private func changed(_ destination: String, _ state: LaneStops.State, _ reason: StopReason?) {
        var metadata: Logger.Metadata = ["destination": "\(destination)"]
        switch state {
        case .held: break
        case .down:
            metadata["reason"] = "\(reason?.text ?? "")"
            logger.warning("destination down: one delivery at a time is tried", metadata: metadata)
        case .open: logger.notice("destination open again", metadata: metadata)
        case .paused: logger.notice("destination paused", metadata: metadata)
        }
    }

    private func tokenFetched(_ destination: String, _ isRotated: Bool) {
        logger.info("access token fetched", metadata: ["destination": "\(destination)"])
        guard isRotated else { return }
        logger.warning(
            "the token endpoint gave a new refresh token, which is kept in memory only: the stored one may be stale",
            metadata: [
                "destination": "\(destination)",
                "advice": "If a restart holds the destination, put a new refresh token in place, then reload.",
            ])
    }

    func store(_ trouble: StoreTrouble) {
        switch trouble {
        case .corruptEvent(let id):
            logger.error("an event's stored bytes have changed; it is kept and not sent", metadata: ["event": "\(id)"])
        case .damaged(let finding):
            logger.critical(
                "the database is damaged, events are answered 503",
                metadata: [
                    "finding": "\(finding)",
                    "advice": "Stop the relay, run `gruveo-relay doctor --repair`, and start it again.",
                ])
        case .doubted(let finding):
            logger.error(
                "the database may be damaged, events are answered 503 until it was checked",
                metadata: ["finding": "\(finding)"])
        case .verified(let milliseconds):
            logger.notice("the database was checked: it is sound", metadata: ["milliseconds": "\(milliseconds)"])
        case .notVerified(let reason):
            logger.warning("the database could not be checked", metadata: ["reason": "\(reason)"])
        case .writeFailed(let error): logger.error("the store could not write", metadata: ["error": "\(error)"])
        case .reopened: logger.notice("the store was opened anew and verified")
        case .reopenFailed(let error): logger.error("the store cannot be opened anew", metadata: ["error": "\(error)"])
        case .readFailed(let error): logger.error("the store could not read", metadata: ["error": "\(error)"])
        case .upkeepFailed(let error):
            logger.warning("the store's upkeep failed, nothing is lost", metadata: ["error": "\(error)"])
        case .markRebuilt: logger.warning("the store's high-water mark was missing and is written anew")
        case .eventsMissing(let count, let kept):
            logger.error("started without lost events", metadata: ["count": "\(count)", "oldFiles": "\(kept)"])
        }
    }

    func redrive(_ report: RedriveReport) {
        switch report {
        case .accepted(let file, let redrive):
            logger.notice(
                "redriven",
                metadata: [
                    "file": "\(file)", "event": "\(redrive.event.idText)", "destination": "\(redrive.destination)",
                ])
        case .refused(let file, let reason):
            logger.error("redrive refused", metadata: ["file": "\(file)", "reason": "\(reason)"])
        case .failed(let error): logger.error("redrive failed, tried again", metadata: ["error": "\(error)"])
        }
    }

    func replayed(_ page: ReplayPage) {
        guard page.deliveries > 0 else { return }
        let events = page.events.count { !$0.destinations.isEmpty }
        logger.notice("replayed", metadata: ["events": "\(events)", "deliveries": "\(page.deliveries)"])
    }

    func dropped(_ page: DropPage, of drop: DropRequest) {
        guard page.dropped > 0 else { return }
        var metadata: Logger.Metadata = ["destination": "\(drop.destination)", "deliveries": "\(page.dropped)"]
        if let event = drop.event { metadata["event"] = "\(event)" }
        logger.notice("dropped", metadata: metadata)
    }

    private func attempted(_ delivery: Delivery, _ attempt: AttemptRecord, _ judgement: Judgement, _ isHeld: Bool) {
        for fault in judgement.faults { failed(fault, delivery, attempt) }
        let level: Logger.Level = attempt.outcome == .delivered ? .debug : .warning
        guard logger.logLevel <= level else { return }
        var metadata = ids(delivery)
        metadata["attempt"] = "\(attempt.number)"
        metadata["milliseconds"] = "\(attempt.durationMilliseconds)"
        metadata["outcome"] = "\(attempt.outcome.rawValue)"
        if let status = attempt.status { metadata["status"] = "\(status)" }
        if attempt.outcome != .delivered { metadata["reason"] = "\(judgement.text)" }
        if isHeld { metadata["advice"] = "\(judgement.advice)" }
        logger.log(level: level, isHeld ? "destination held" : "attempt", metadata: metadata)
    }

    /// A condition that fails on one answer fails on many.
    private func failed(_ fault: AnswerFault, _ delivery: Delivery, _ attempt: AttemptRecord) {
        guard logger.logLevel <= .warning, let silent = failedConditions.next(now: wallClock()) else { return }
        var metadata = ids(delivery)
        metadata["condition"] = "\(fault.path)"
        metadata["error"] = "\(fault.text)"
        if let status = attempt.status { metadata["status"] = "\(status)" }
        metadata["alsoUnlogged"] = "\(silent)"
        logger.warning("a condition failed on an answer and counts as false", metadata: metadata)
    }

    private func ids(_ delivery: Delivery) -> Logger.Metadata {
        ["event": "\(delivery.event.idText)", "destination": "\(delivery.destination)"]
    }

    private func describe(_ routing: Routing) -> String {
        switch routing {
        case .matched(_, let destinations): destinations.joined(separator: ",")
        case .unmatched: "unmatched"
        case .quarantined(let reason): "quarantined: \(reason)"
        }
    }
}

/// Lets one through a second and counts the rest.
final class RateLimitedCount: Sendable {
    private let state = Mutex((last: Int64.min, silent: 0))

    /// How many were left out since the last one let through, or nil where this one is left out too.
    func next(now: Timestamp) -> Int? {
        state.withLock { state in
            guard now.seconds != state.last else {
                state.silent += 1
                return nil
            }
            defer { state = (now.seconds, 0) }
            return state.silent
        }
    }
}

/// Counts events by source and key; on every event's way, so names are put together only when somebody asks.
final class KeyMatches: Sendable {
    private struct Key: Hashable {
        let source: String
        let label: String
    }

    private let counts = Mutex<[Key: Int]>([:])

    func add(source: String, keyLabel: String) {
        counts.withLock { $0[Key(source: source, label: keyLabel), default: 0] += 1 }
    }

    /// By `source/label`. Labels may hold a slash, so two keys can have one name; their events are then added up.
    func all() -> [String: Int] {
        let named = counts.withLock { counts in counts.map { ("\($0.key.source)/\($0.key.label)", $0.value) } }
        return Dictionary(named, uniquingKeysWith: +)
    }
}

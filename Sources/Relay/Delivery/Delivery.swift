/// Names one delivery, that is one event for one destination, within one store.
package struct DeliveryKey: Sendable, Hashable {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
}

/// One event on its way to one destination.
package struct Delivery: Sendable {
    package let key: DeliveryKey
    package let event: Event
    package let destination: String
    /// Attempts that have been charged so far; the next one has this number plus one.
    package let attempts: Int
    /// Whether an operator sent it again (redrive or replay).
    package let isReplay: Bool
    /// From when its budget in time runs, by its lane's clock: the receive time, the time of the redrive, or that of
    /// the first attempt.
    package let startedAt: Timestamp
    /// When its schedule lets it be tried; nil where that is at once.
    package let dueAt: Timestamp?

    package init(
        key: DeliveryKey, event: Event, destination: String, attempts: Int, isReplay: Bool, startedAt: Timestamp,
        dueAt: Timestamp? = nil
    ) {
        self.key = key
        self.event = event
        self.destination = destination
        self.attempts = attempts
        self.isReplay = isReplay
        self.startedAt = startedAt
        self.dueAt = dueAt
    }
}

extension Delivery {
    /// The same one with its budget in time running from then.
    package func started(at time: Timestamp) -> Delivery {
        Delivery(
            key: key, event: event, destination: destination, attempts: attempts, isReplay: isReplay, startedAt: time,
            dueAt: dueAt)
    }
}

/// What became of one attempt, by the table in delivery.md.
package enum Outcome: String, Sendable, CaseIterable {
    case delivered
    /// A passing trouble: try again later.
    case retry
    /// Another try cannot help: dead letter.
    case dead
    /// The destination refuses us altogether: everything stays queued until a person mends it.
    case held
}

/// What is remembered of one attempt.
package struct AttemptRecord: Sendable, Equatable {
    package let number: Int
    package let at: Timestamp
    package let durationMilliseconds: Int64
    package let outcome: Outcome
    /// HTTP status, nil where no answer came.
    package let status: Int?
    /// In plain words, nil where the answer says it all; never holds a secret or a URL's path.
    package let error: String?
    /// The first bytes of the answer's body, at most 2 KiB.
    package let response: [UInt8]

    package static let responseLimit = 2048

    package init(
        number: Int, at: Timestamp, durationMilliseconds: Int64, outcome: Outcome, status: Int?, error: String?,
        response: [UInt8]
    ) {
        self.number = number
        self.at = at
        self.durationMilliseconds = durationMilliseconds
        self.outcome = outcome
        self.status = status
        self.error = error
        self.response = Array(response.prefix(AttemptRecord.responseLimit))
    }
}

/// What the store is told when an attempt is over.
package struct Settlement: Sendable {
    package enum Verdict: Sendable, Equatable {
        case delivered
        /// Its dead-letter file is on disk already.
        case dead
        /// To be tried again at an absolute time. `charged`: whether the attempt uses up the budget.
        case retry(at: Timestamp, charged: Bool)
    }

    package let delivery: DeliveryKey
    package let verdict: Verdict
    package let attempt: AttemptRecord
    /// Whether the next delivery waits for it: it is not to wait for company.
    package let isUrgent: Bool
    /// From when its budget in time runs, where it is tried again; nil where that stays as it was.
    package let startedAt: Timestamp?

    package init(
        delivery: DeliveryKey, verdict: Verdict, attempt: AttemptRecord, isUrgent: Bool = false,
        startedAt: Timestamp? = nil
    ) {
        self.delivery = delivery
        self.verdict = verdict
        self.attempt = attempt
        self.isUrgent = isUrgent
        self.startedAt = startedAt
    }
}

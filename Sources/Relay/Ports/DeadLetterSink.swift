/// A delivery that has ended without success, with all that a person or a redrive needs.
package struct DeadLetter: Sendable {
    package let event: Event
    package let destination: String
    package let diedAt: Timestamp
    package let reason: StopReason
    package let attempts: [AttemptRecord]
    /// The last request with its secrets masked.
    package let request: MaskedRequest

    package init(
        event: Event, destination: String, diedAt: Timestamp, reason: StopReason, attempts: [AttemptRecord],
        request: MaskedRequest
    ) {
        self.event = event
        self.destination = destination
        self.diedAt = diedAt
        self.reason = reason
        self.attempts = attempts
        self.request = request
    }
}

/// A request as a person may see it: URL without what stands behind the host, secrets `<redacted>`.
package struct MaskedRequest: Sendable {
    package let method: String
    package let url: String
    package let headers: [OutgoingRequest.Header]
    package let body: [UInt8]

    package init(method: String, url: String, headers: [OutgoingRequest.Header], body: [UInt8]) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Keeps dead letters where a person can read them.
package protocol DeadLetterSink: Sendable {
    /// Writes the letter; on disk, with its directory, when the completion says so.
    func write(_ letter: DeadLetter, completion: @escaping @Sendable (Result<Void, any Error>) -> Void)
}

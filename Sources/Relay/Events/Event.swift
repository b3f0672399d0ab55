/// One verified webhook as it came. A reference, so that the deliveries of one event share its bytes.
package final class Event: Sendable {
    package let id: EventID
    /// The id as each request carries it.
    package let idText: String
    package let source: String
    package let receivedAt: Timestamp
    /// The exact bytes of the request body.
    package let body: [UInt8]
    /// Names of the routes that matched when it was accepted, in the order of the routes file.
    package let routes: [String]
    /// Set where an operator edited a dead letter: the id that the event had before.
    package let originalID: EventID?

    package init(
        id: EventID, source: String, receivedAt: Timestamp, body: [UInt8], routes: [String], originalID: EventID? = nil
    ) {
        self.id = id
        idText = id.description
        self.source = source
        self.receivedAt = receivedAt
        self.body = body
        self.routes = routes
        self.originalID = originalID
    }
}

/// What the rules made of an event when it was accepted.
package enum Routing: Sendable, Equatable {
    /// At least one route matched: its routes, and each destination once.
    case matched(routes: [String], destinations: [String])
    /// No route wants it.
    case unmatched
    /// Verified, but our parser or `maxAge` refuses it.
    case quarantined(reason: String)
}

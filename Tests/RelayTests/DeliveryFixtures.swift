import Relay
import Signatures

/// Small values for tests of the delivery's decisions.
enum Fixture {
    static let start = Timestamp(milliseconds: 1_700_000_000_000)

    static func delivery(
        key: Int64 = 1, bytes: Int = 2, attempts: Int = 0, isReplay: Bool = false, startedAt: Timestamp = start,
        originalID: EventID? = nil
    ) -> Delivery {
        let event = Event(
            id: EventID(high: 1, low: UInt64(key)), source: "gruveo", receivedAt: start,
            body: [UInt8](repeating: 0x20, count: bytes), routes: ["all"], originalID: originalID)
        return Delivery(
            key: DeliveryKey(rawValue: key), event: event, destination: "crm", attempts: attempts, isReplay: isReplay,
            startedAt: startedAt)
    }

    static func destination(
        headers: [Destination.Header] = [], signer: Signer? = nil, overrides: OutcomeOverrides = OutcomeOverrides()
    ) -> Destination {
        Destination(
            name: "crm", method: "POST", url: "https://crm.example.com/secret", headers: headers, signer: signer,
            options: TransferOptions(), retry: .standard, overrides: overrides, concurrency: 8)
    }

    static func response(_ status: Int, headers: [OutgoingRequest.Header] = [], isComplete: Bool = true) -> Response {
        Response(status: status, headers: headers, body: [], isComplete: isComplete)
    }
}

extension Timestamp {
    /// So many milliseconds after the start of all tests.
    static func at(_ milliseconds: Int64) -> Timestamp { Fixture.start.advanced(byMilliseconds: milliseconds) }
}

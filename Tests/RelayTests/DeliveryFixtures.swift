import JSON
import JSONTemplates
import Relay
import Signatures

/// Small values for tests of the delivery's decisions.
enum Fixture {
    static let start = Timestamp(milliseconds: 1_700_000_000_000)

    static func delivery(
        key: Int64 = 1, bytes: Int = 2, attempts: Int = 0, isReplay: Bool = false, startedAt: Timestamp = start,
        dueAt: Timestamp? = nil, originalID: EventID? = nil
    ) -> Delivery {
        let event = Event(
            id: EventID(high: 1, low: UInt64(key)), source: "gruveo", receivedAt: start,
            body: [UInt8](repeating: 0x20, count: bytes), routes: ["all"], originalID: originalID)
        return Delivery(
            key: DeliveryKey(rawValue: key), event: event, destination: "crm", attempts: attempts, isReplay: isReplay,
            startedAt: startedAt, dueAt: dueAt)
    }

    static func delivery(body: String) -> Delivery {
        let event = Event(
            id: EventID(high: 1, low: 1), source: "gruveo", receivedAt: start, body: Array(body.utf8), routes: ["all"])
        return Delivery(
            key: DeliveryKey(rawValue: 1), event: event, destination: "crm", attempts: 0, isReplay: false,
            startedAt: start)
    }

    static func templates(_ body: String, _ format: BodyFormat = .json) throws -> RequestTemplates {
        let node = try JSONNode.parse(Array(body.utf8))
        return RequestTemplates(body: try BodyTemplate(node, format: format), functions: .withoutZones)
    }

    static func signer() throws -> Signer {
        try Signer(scheme: .gruveo, secrets: [Secret(Array(repeating: 7, count: 32))])
    }

    static func destination(
        headers: [Destination.Header] = [], signer: Signer? = nil, overrides: OutcomeOverrides = OutcomeOverrides(),
        templates: RequestTemplates? = nil
    ) -> Destination {
        Destination(
            name: "crm", method: "POST", url: "https://crm.example.com/secret", headers: headers, signer: signer,
            options: TransferOptions(), retry: .standard, overrides: overrides, concurrency: 8,
            templates: templates)
    }

    static func judgement(_ outcome: Outcome, isOutage: Bool = false) -> Judgement {
        Judgement(
            outcome: outcome, code: "\(outcome)", text: "it says \(outcome)", advice: "mend it", isOutage: isOutage)
    }

    static func response(
        _ status: Int, headers: [OutgoingRequest.Header] = [], body: String = "", isComplete: Bool = true
    ) -> Response {
        Response(status: status, headers: headers, body: Array(body.utf8), isComplete: isComplete)
    }
}

extension RequestBuilder {
    /// The request of an event that nobody has sent before.
    static func request(
        for delivery: Delivery, to destination: Destination, now: Timestamp
    ) throws(TemplateFailure) -> OutgoingRequest {
        var contexts = EventContexts(slots: 1)
        return try request(for: delivery, to: destination, now: now, &contexts)
    }
}

extension Timestamp {
    /// So many milliseconds after the start of all tests.
    static func at(_ milliseconds: Int64) -> Timestamp { Fixture.start.advanced(byMilliseconds: milliseconds) }
}

package import JSON
package import Relay

/// A dead letter as it was read from its file, every key of format 1 checked.
package struct DeadLetterRecord: Sendable {
    /// The event as it was before any edit: its body is `bytes`.
    package let event: Event
    package let destination: String
    package let diedAt: Timestamp
    package let reason: StopReason
    /// As they stand in the file, oldest first.
    package let attempts: [JSONObject]
    /// The compact form of the key `event` where that differs from `bytes` in members, order or number text.
    package let editedBody: [UInt8]?
    /// The whole file.
    package let document: JSONValue

    /// Reads the text of a dead letter.
    package init(parsing text: [UInt8]) throws(DeadLetterFault) {
        let fields = try DeadLetterFields(parsing: text)
        guard case .number(let format) = try fields.node("format").kind, format.text == "1" else {
            throw try fields.fault("format", "1: this relay knows no other")
        }
        event = Event(
            id: try fields.eventID("id"), source: try fields.name("source"),
            receivedAt: try fields.timestamp("receivedAt"), body: try fields.base64("bytes"),
            routes: try fields.texts("routes"),
            originalID: fields.has("originalId") ? try fields.eventID("originalId") : nil)
        destination = try fields.name("destination")
        diedAt = try fields.timestamp("diedAt")
        let reasonFields = try fields.fields("reason")
        reason = StopReason(
            code: try reasonFields.string("code"), text: try reasonFields.string("text"),
            advice: try reasonFields.string("advice"))
        attempts = try fields.objects("attempts")
        _ = try fields.fields("request")
        editedBody = try DeadLetterRecord.editedBody(fields, bytes: event.body)
        document = fields.document
    }

    /// What is delivered when the letter is sent again: an edited event under a new id, made from its new body.
    package func redrive(at now: Timestamp) -> Redrive {
        guard let editedBody else { return Redrive(event: event, destination: destination, at: now) }
        let edited = Event(
            id: EventID(source: event.source, body: editedBody), source: event.source, receivedAt: event.receivedAt,
            body: editedBody, routes: event.routes, originalID: event.id)
        return Redrive(event: edited, destination: destination, at: now, isEdited: true)
    }

    /// An event that our parser refuses stands in the file as null; a person may put a mended one there.
    private static func editedBody(_ fields: DeadLetterFields, bytes: [UInt8]) throws(DeadLetterFault) -> [UInt8]? {
        let shown = try fields.node("event").value
        if shown == DeadLetterDocument.readable(bytes) ?? .null { return nil }
        guard case .object = shown else { throw try fields.fault("event", "an object, as every event") }
        return JSONSerializer.bytes(shown)
    }
}

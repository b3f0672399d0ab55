import JSON
import Relay

@testable import DeadLetterFiles

/// Any bytes as the file of a dead letter, and as the body of an event that dies.
///
/// - A file is a letter, or refused with a place in it; what was read can be written and is the same letter again.
/// - What the relay writes it reads back as it was, and finds no edit in it.
enum DeadLetterTarget {
    /// 2026-11-22T08:05:01.042Z.
    private static let now = Timestamp(milliseconds: 1_795_334_701_042)

    static func check(_ input: [UInt8]) {
        do throws(DeadLetterFault) {
            read(try DeadLetterRecord(parsing: input))
        } catch {
            refused(error, input)
        }
        written(input)
    }

    private static func read(_ record: DeadLetterRecord) {
        let text = JSONSerializer.bytes(record.document)
        guard let again = try? DeadLetterRecord(parsing: text) else { return promise(false, "is refused when written") }
        promise(isSame(again, record) && again.editedBody == record.editedBody, "is another letter when written")
        let redrive = record.redrive(at: now)
        promise((redrive.event.originalID == record.event.id) == (record.editedBody != nil), "\(redrive.event.id)")
        promise(redrive.event.body == record.editedBody ?? record.event.body, "another body is sent")
    }

    private static func isSame(_ one: DeadLetterRecord, _ other: DeadLetterRecord) -> Bool {
        one.event.id == other.event.id && one.event.body == other.event.body && one.event.routes == other.event.routes
            && one.event.source == other.event.source && one.event.receivedAt == other.event.receivedAt
            && one.event.originalID == other.event.originalID && one.destination == other.destination
            && one.diedAt == other.diedAt && one.reason == other.reason
            && JSONValue.array(one.attempts.map { .object($0) }) == .array(other.attempts.map { .object($0) })
    }

    private static func refused(_ fault: DeadLetterFault, _ text: [UInt8]) {
        promise(!fault.description.isEmpty, "\(fault)")
        switch fault {
        case .syntax(let place, _), .invalid(_, let place, _):
            promise(isInside(place, text), "\(fault) is outside of the file")
        case .missing: break
        }
    }

    // MARK: - Writing

    private static func written(_ input: [UInt8]) {
        let letter = letter(input)
        let text = DeadLetterDocument.text(letter, earlier: [])
        do throws(DeadLetterFault) {
            let record = try DeadLetterRecord(parsing: text)
            let (event, wanted) = (record.event, letter.event)
            promise(event.id == wanted.id && event.body == wanted.body && event.source == wanted.source, "\(event.id)")
            promise(event.routes == wanted.routes && event.receivedAt == wanted.receivedAt, "\(event.routes)")
            promise(record.destination == letter.destination && record.diedAt == letter.diedAt, "\(record.diedAt)")
            promise(record.reason == letter.reason && record.attempts.count == 1, "\(record.reason)")
            promise(record.editedBody == nil, "an edit was found: \(shown(record.editedBody ?? []))")
            // Dying once more, with the same attempt.
            let second = DeadLetterDocument.text(letter, earlier: record.attempts)
            promise(second == text, "dying again makes another text")
        } catch {
            promise(false, "what was written is refused: \(error)")
        }
    }

    private static func letter(_ input: [UInt8]) -> DeadLetter {
        let lines = input.split(separator: UInt8(ascii: "\n")).prefix(20).map { shown(Array($0)) }
        let headers = lines.map { OutgoingRequest.Header(String($0.prefix(5)), $0) }
        let event = Event(
            id: EventID(source: "gruveo", body: input), source: "gruveo", receivedAt: now, body: input,
            routes: ["known customers"])
        let attempt = AttemptRecord(
            number: 1, at: now, durationMilliseconds: 12, outcome: .dead, status: 422, error: lines.first,
            response: input)
        return DeadLetter(
            event: event, destination: "crm", diedAt: now.advanced(byMilliseconds: 1500),
            reason: StopReason(code: "status_422", text: shown(input), advice: lines.last ?? ""), attempts: [attempt],
            request: MaskedRequest(method: "POST", url: "https://crm.example.com/…", headers: headers, body: input))
    }
}

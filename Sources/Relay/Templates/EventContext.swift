import JSON
import JSONTemplates

/// What templates can name of an event.
enum EventContext {
    /// Gruveo's documented fields, and what stands for one that an event lacks or has in another shape.
    private static let documented: [(member: TemplateFields.Member, shape: FieldShape)] = [
        field("timestamp", .milliseconds), field("maxParticipants", .count), field("duration", .seconds),
        field("link", .text), field("location", .text), field("resolution", .text), field("user", .person),
        field("tracking", .texts, absent: .object(TemplateFields([]))), field("waitingTime", .seconds),
        field("account", .object(["id", "organization"])),
        field("assignedUsers", .people, absent: .list(TemplateList([]))),
    ]

    private static let absent = documented.map(\.member)

    private static func field(
        _ name: String, _ shape: FieldShape, absent: TemplateValue = .null
    ) -> (member: TemplateFields.Member, shape: FieldShape) {
        (TemplateFields.Member(key: name, value: absent), shape)
    }

    /// Ours, whatever the event has under these names.
    private static let (event, id, source, receivedAt, routes) = (
        FieldKey("event"), FieldKey("id"), FieldKey("source"), FieldKey("receivedAt"), FieldKey("routes")
    )

    /// What a template can always name.
    static let names = absent.map(\.key) + ["event", "id", "source", "receivedAt", "routes", "now"]

    /// - Throws: an error where the event is no JSON object, as one that was replayed out of quarantine.
    static func context(of event: Event) throws(TemplateFailure) -> TemplateContext {
        let fields = try fields(event)
        let given = [
            TemplateFields.Member(EventContext.event, .object(fields)),
            TemplateFields.Member(id, .string(event.idText)),
            TemplateFields.Member(source, .string(event.source)),
            TemplateFields.Member(receivedAt, TemplateValue(.number(JSONNumber(event.receivedAt.milliseconds)))),
            TemplateFields.Member(routes, .list(TemplateList(event.routes.map { .string($0) }))),
        ]
        // What cannot be named is still in `event`.
        return TemplateContext(given: given, always: absent, others: fields) { place, value in
            documented[place].shape.fitted(value)
        }
    }

    private static func fields(_ event: Event) throws(TemplateFailure) -> TemplateFields {
        var limits = JSONLimits()
        limits.size = max(limits.size, event.body.count)
        do throws(JSONError) {
            if case .object(let fields) = try TemplateValue.parse(event.body, limits: limits) { return fields }
        } catch {
            throw TemplateFailure(place: "the event", message: "the event cannot be read: \(error.message)")
        }
        throw TemplateFailure(place: "the event", message: "the event is no JSON object")
    }
}

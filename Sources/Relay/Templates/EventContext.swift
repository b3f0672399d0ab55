import JSON
import JSONTemplates

/// What templates can name of an event.
enum EventContext {
    /// Gruveo's documented fields and what stands for one that an event lacks.
    private static let documented: [(name: String, absent: JSONValue)] = [
        ("timestamp", .null), ("maxParticipants", .null), ("duration", .null), ("link", .null), ("location", .null),
        ("resolution", .null), ("user", .null), ("tracking", .object(JSONObject())), ("waitingTime", .null),
        ("account", .null), ("assignedUsers", .array([])),
    ]

    /// Ours and the language's, whatever the event has under these names.
    private static let own: Set = ["event", "id", "source", "receivedAt", "routes", "now"]

    private static let taken = own.union(documented.map(\.name))

    /// - Throws: an error where the event is no JSON object, as one that was replayed out of quarantine.
    static func context(of event: Event) throws(TemplateFailure) -> TemplateContext {
        let fields = TemplateFields(try object(event))
        var members = [
            TemplateFields.Member(key: "event", value: .object(fields)),
            TemplateFields.Member(key: "id", value: .string(event.idText)),
            TemplateFields.Member(key: "source", value: .string(event.source)),
            TemplateFields.Member(key: "receivedAt", value: TemplateValue(milliseconds: event.receivedAt.milliseconds)),
            TemplateFields.Member(key: "routes", value: TemplateValue(.array(event.routes.map { .string($0) }))),
        ]
        for field in documented {
            members.append(TemplateFields.Member(key: field.name, value: value(field, in: fields)))
        }
        // What cannot be named is still in `event`.
        members += fields.members.filter { Name.isValid($0.key) && !taken.contains($0.key) }
        do throws(TemplateError) { return try TemplateContext(TemplateFields(members)) } catch {
            throw TemplateFailure(error, in: "the event")
        }
    }

    private static func object(_ event: Event) throws(TemplateFailure) -> JSONObject {
        var limits = JSONLimits()
        limits.size = max(limits.size, event.body.count)
        do throws(JSONError) {
            if case .object(let object) = try JSONValue.parse(event.body, limits: limits) { return object }
        } catch {
            throw TemplateFailure(place: "the event", message: "the event cannot be read: \(error.message)")
        }
        throw TemplateFailure(place: "the event", message: "the event is no JSON object")
    }

    private static func value(
        _ field: (name: String, absent: JSONValue), in fields: TemplateFields
    ) -> TemplateValue {
        switch fields[field.name] {
        case nil, .null: TemplateValue(field.absent)
        case .some(let value): value
        }
    }
}

extension TemplateValue {
    fileprivate init(milliseconds: Int64) { self.init(.number(JSONNumber(milliseconds))) }
}

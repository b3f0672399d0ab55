import JSON
import JSONTemplates

/// What templates can name of an event.
enum EventContext {
    /// Gruveo's documented fields, and what stands for one that an event lacks or has in another shape.
    private static let documented: [(name: String, shape: FieldShape, absent: TemplateValue)] = [
        ("timestamp", .milliseconds, .null), ("maxParticipants", .count, .null), ("duration", .seconds, .null),
        ("link", .text, .null), ("location", .text, .null), ("resolution", .text, .null), ("user", .person, .null),
        ("tracking", .texts, .object(TemplateFields([]))), ("waitingTime", .seconds, .null),
        ("account", .object(["id", "organization"]), .null), ("assignedUsers", .people, .list(TemplateList([]))),
    ]

    /// Ours and the language's, whatever the event has under these names.
    private static let own: Set = ["event", "id", "source", "receivedAt", "routes", "now"]

    /// What a template can always name.
    static let names = documented.map(\.name) + own

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
            let value = fields[field.name].flatMap(field.shape.fitted) ?? field.absent
            members.append(TemplateFields.Member(key: field.name, value: value))
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
}

extension TemplateValue {
    fileprivate init(milliseconds: Int64) { self.init(.number(JSONNumber(milliseconds))) }
}

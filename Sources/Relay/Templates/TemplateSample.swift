/// Events in the shape of Gruveo's documentation with which `check` tries every template: each resolution, whole and
/// without each of the fields that may be missing.
struct TemplateSample: Sendable {
    /// What a finding calls it, such as `missed without location`.
    let name: String
    /// The body as Gruveo would post it.
    let body: [UInt8]

    static let all: [TemplateSample] = ["answered", "missed", "declined"].flatMap(variants)

    /// The fields that every event of the documentation's shape has.
    private static let always = [
        #""timestamp": 1598615831871"#, #""maxParticipants": 2"#, #""duration": 183"#, #""link": "@acme.sales""#,
        #""waitingTime": 5"#,
        #""account": { "id": "9cf7336a-e40e-4628-bdac-4370298ccf14", "organization": "Acme Corp." }"#,
    ]
    private static let sometimes: [(name: String, member: String)] = [
        ("location", #""location": "Greece""#),
        ("user", #""user": { "name": "John Smith", "email": "john@acme.com" }"#),
        ("tracking", #""tracking": { "customer_id": "14810" }"#),
        (
            "assignedUsers",
            #""assignedUsers": [ { "name": "John Smith", "email": "john@acme.com" }, "#
                + #"{ "name": "Patty Jones", "email": "patty.jones@acme.com" } ]"#
        ),
    ]

    private static func variants(_ resolution: String) -> [TemplateSample] {
        // Nobody took a missed call: it has no user.
        let fields = sometimes.filter { resolution != "missed" || $0.name != "user" }
        let whole = sample(resolution, resolution, fields.map(\.member))
        let bare = sample("\(resolution) with nothing optional", resolution, [])
        return [whole]
            + fields.map { left in
                sample(
                    "\(resolution) without \(left.name)", resolution,
                    fields.filter { $0.name != left.name }.map(\.member))
            } + [bare]
    }

    private static func sample(_ name: String, _ resolution: String, _ members: [String]) -> TemplateSample {
        let all = always + ["\"resolution\": \"\(resolution)\""] + members
        return TemplateSample(name: name, body: Array("{ \(all.joined(separator: ", ")) }".utf8))
    }
}

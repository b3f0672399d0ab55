import ArgumentParser
import JSON
import Relay

/// Events in the shape of Gruveo's documentation, one for each resolution.
enum SampleEvent: String, ExpressibleByArgument, CaseIterable, Sendable {
    case missed, answered, declined

    static let link = "@acme.sales"
    static let tracking = JSONObject(["customer_id": .string("14810")])

    /// The body as Gruveo would post it; the time makes each a new event.
    func body(
        at time: Timestamp, link: String = SampleEvent.link, tracking: JSONObject = SampleEvent.tracking
    ) -> [UInt8] {
        let user = #""user": { "name": "John Smith", "email": "john@acme.com" }, "#
        let parameters = tracking.members.map { "\(JSONSerializer.quoted($0.key)): \(JSONSerializer.text($0.value))" }
        let text = """
            { "timestamp": \(time.milliseconds), "maxParticipants": \(self == .answered ? 2 : 1), \
            "duration": \(self == .answered ? 183 : 0), "link": \(JSONSerializer.quoted(link)), "location": "Greece", \
            "resolution": "\(rawValue)", \(self == .missed ? "" : user)\
            "tracking": { \(parameters.joined(separator: ", ")) }, "waitingTime": \(self == .answered ? 5 : 40), \
            "account": { "id": "9cf7336a-e40e-4628-bdac-4370298ccf14", "organization": "Acme Corp." }, \
            "assignedUsers": [ { "name": "John Smith", "email": "john@acme.com" }, \
            { "name": "Patty Jones", "email": "patty.jones@acme.com" } ] }
            """
        return Array(text.utf8)
    }
}

/// `KEY=VALUE` on the command line.
struct NamedValue: ExpressibleByArgument {
    let key: String
    let value: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let key = parts.first, let value = parts.dropFirst().first, !key.isEmpty else { return nil }
        self.key = String(key)
        self.value = String(value)
    }
}

import ArgumentParser
import Relay

/// Events in the shape of Gruveo's documentation, one for each resolution.
enum SampleEvent: String, ExpressibleByArgument, CaseIterable, Sendable {
    case missed, answered, declined

    /// The body as Gruveo would post it; the time makes each a new event.
    func body(at time: Timestamp) -> [UInt8] {
        let user = #""user": { "name": "John Smith", "email": "john@acme.com" }, "#
        let text = """
            { "timestamp": \(time.milliseconds), "maxParticipants": \(self == .answered ? 2 : 1), \
            "duration": \(self == .answered ? 183 : 0), "link": "@acme.sales", "location": "Greece", \
            "resolution": "\(rawValue)", \(self == .missed ? "" : user)\
            "tracking": { "customer_id": "14810" }, "waitingTime": \(self == .answered ? 5 : 40), \
            "account": { "id": "9cf7336a-e40e-4628-bdac-4370298ccf14", "organization": "Acme Corp." }, \
            "assignedUsers": [ { "name": "John Smith", "email": "john@acme.com" }, \
            { "name": "Patty Jones", "email": "patty.jones@acme.com" } ] }
            """
        return Array(text.utf8)
    }
}

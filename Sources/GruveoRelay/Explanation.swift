import JSON
import Relay
import Signatures

/// What the relay would do with one event, made by the same router and request builder that serve it.
struct Explanation {
    let id: EventID
    let source: String
    let quarantineReason: String?
    let routes: [(name: String, matches: Bool)]
    let requests: [(destination: String, request: MaskedRequest)]

    init(body: [UInt8], source: Source, configuration: Configuration, now: Timestamp) {
        let routing = configuration.router.route(body, source: source, receivedAt: now)
        id = EventID(source: source.name, body: body)
        self.source = source.name
        var matched: [String] = []
        var destinations: [String] = []
        var reason: String?
        switch routing {
        case .matched(let routes, let names): (matched, destinations) = (routes, names)
        case .unmatched: break
        case .quarantined(let text): reason = text
        }
        quarantineReason = reason
        routes = configuration.router.routes.map { ($0.name, matched.contains($0.name)) }
        let event = Event(id: id, source: source.name, receivedAt: now, body: body, routes: matched)
        requests = destinations.compactMap { name in
            guard let destination = configuration.destinations[name] else { return nil }
            let delivery = Delivery(
                key: DeliveryKey(rawValue: 0), event: event, destination: name, attempts: 0, isReplay: false,
                startedAt: now)
            return (name, RequestBuilder.masked(for: delivery, to: destination, now: now))
        }
    }

    /// The keys that product.md names; `field` and `reason` are null: the match language does not give them yet.
    var object: JSONObject {
        var object = JSONObject(["id": .string("\(id)"), "source": .string(source)])
        if let quarantineReason { object.append("quarantined", .string(quarantineReason)) }
        object.append(
            "routes",
            .array(
                routes.map {
                    .object(
                        JSONObject([
                            "name": .string($0.name), "matches": .bool($0.matches), "field": .null, "reason": .null,
                        ]))
                }))
        object.append("requests", .array(requests.map { .object(members(of: $0.request, to: $0.destination)) }))
        return object
    }

    private func members(of request: MaskedRequest, to destination: String) -> JSONObject {
        var object = JSONObject([
            "destination": .string(destination), "method": .string(request.method), "url": .string(request.url),
            "headers": .object(
                JSONObject(request.headers.map { JSONObject.Member(key: $0.name, value: .string($0.value)) })),
        ])
        if let text = String(validating: request.body, as: UTF8.self) {
            object.append("body", .string(text))
        } else {
            object.append("bodyBase64", .string(Base64.encode(request.body)))
        }
        return object
    }

    /// The same for a person.
    var lines: [String] {
        var lines = ["event \(id) from \(source)"]
        if let quarantineReason { lines.append("  quarantined: \(printable(quarantineReason))") }
        lines += routes.map {
            "  route \(JSONSerializer.quoted($0.name)): \($0.matches ? "matches" : "does not match")"
        }
        if requests.isEmpty { lines.append("  nothing would be sent") }
        for (destination, request) in requests {
            lines.append("  to \(destination): \(request.method) \(request.url)")
            lines += request.headers.map { "    \($0.name): \(printable($0.value))" }
            lines.append("")
            lines += printable(String(decoding: request.body, as: UTF8.self)).split(separator: "\n").map { "    \($0)" }
        }
        return lines
    }
}

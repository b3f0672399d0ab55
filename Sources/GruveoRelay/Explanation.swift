import EventPatterns
import JSON
import Relay
import Signatures

/// What the relay would do with one event, made by the same router and request builder that serve it.
struct Explanation {
    let id: EventID
    let source: String
    let quarantineReason: String?
    let routes: [RoutingExplanation.Route]
    /// A request, or why its template makes none.
    let requests: [(destination: String, request: Result<MaskedRequest, TemplateFailure>)]

    /// - Parameter file: the routes file from which the configuration was made.
    init(body: [UInt8], source: Source, configuration: Configuration, file: JSONNode, now: Timestamp) {
        let explained = configuration.router.explain(body, source: source, receivedAt: now, file: file)
        id = EventID(source: source.name, body: body)
        self.source = source.name
        var matched: [String] = []
        var destinations: [String] = []
        var reason: String?
        switch explained.routing {
        case .matched(let routes, let names): (matched, destinations) = (routes, names)
        case .unmatched: break
        case .quarantined(let text): reason = text
        }
        quarantineReason = reason
        routes = explained.routes
        let event = Event(id: id, source: source.name, receivedAt: now, body: body, routes: matched)
        requests = destinations.compactMap { name in
            guard let destination = configuration.destinations[name] else { return nil }
            let delivery = Delivery(
                key: DeliveryKey(rawValue: 0), event: event, destination: name, attempts: 0, isReplay: false,
                startedAt: now)
            return (
                name,
                Result { () throws(TemplateFailure) in
                    try RequestBuilder.masked(for: delivery, to: destination, now: now)
                }
            )
        }
    }

    var hasFailedTemplate: Bool {
        requests.contains { if case .failure = $0.request { true } else { false } }
    }

    /// For scripts: `field` and `reason` are null where the route matches, `field` also where no field is to blame.
    var object: JSONObject {
        var object = JSONObject(["id": .string("\(id)"), "source": .string(source)])
        if let quarantineReason { object.append("quarantined", .string(quarantineReason)) }
        object.append("routes", .array(routes.map { .object($0.object) }))
        object.append("requests", .array(requests.map { .object(members(of: $0.request, to: $0.destination)) }))
        return object
    }

    private func members(
        of request: Result<MaskedRequest, TemplateFailure>, to destination: String
    ) -> JSONObject {
        switch request {
        case .success(let request): members(of: request, to: destination)
        case .failure(let failure):
            JSONObject(["destination": .string(destination), "error": .string(failure.text)])
        }
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
        // Of a quarantined event no route is asked.
        if quarantineReason == nil { lines += routes.flatMap(\.lines) }
        if requests.isEmpty { lines.append("  nothing would be sent") }
        for (destination, result) in requests {
            guard case .success(let request) = result else {
                if case .failure(let failure) = result {
                    lines.append("  to \(destination): a dead letter, since \(printable(failure.text))")
                }
                continue
            }
            lines.append("  to \(destination): \(request.method) \(request.url)")
            lines += request.headers.map { "    \($0.name): \(printable($0.value))" }
            lines.append("")
            lines += printable(String(decoding: request.body, as: UTF8.self)).split(separator: "\n").map { "    \($0)" }
        }
        return lines
    }
}

extension RoutingExplanation.Route {
    /// In columns; what a terminal of 100 shows without folding.
    private static let width = 98

    var object: JSONObject {
        var object = JSONObject(["name": .string(name), "matches": .bool(mismatch == nil)])
        switch mismatch {
        case nil:
            object.append("field", .null)
            object.append("reason", .null)
        case .other(let reason):
            object.append("field", .null)
            object.append("reason", .string(reason))
        case .field(let failure):
            object.append("field", .string(failure.path))
            object.append("reason", .string(failure.sentence))
            object.append("found", .array(failure.found))
            object.append("wanted", .array(failure.wanted))
        }
        return object
    }

    /// Why it does not match, empty where it does.
    var reason: String {
        switch mismatch {
        case nil: ""
        case .other(let text): text
        case .field(let failure): failure.sentence
        }
    }

    fileprivate var lines: [String] {
        let head = "  route \(printable(JSONSerializer.quoted(name))): "
        guard mismatch != nil else { return [head + "matches"] }
        return [head + "does not match"] + folded(printable(reason), width: Self.width, indent: "    ")
    }
}

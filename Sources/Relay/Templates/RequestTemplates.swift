package import JSONTemplates

/// The parts of a destination's requests that are made of each event anew. A destination without any has none of this.
package struct RequestTemplates: Sendable {
    let body: BodyTemplate?
    let url: URLTemplate?
    let headers: [HeaderTemplate]
    let functions: HostFunctions

    package init(
        body: BodyTemplate?, url: URLTemplate? = nil, headers: [HeaderTemplate] = [], functions: HostFunctions
    ) {
        self.body = body
        self.url = url
        self.headers = headers
        self.functions = functions
    }

    /// What the templates made of one event; nil or missing where there is no template.
    struct Parts {
        var body: [UInt8]?
        var contentType: String?
        var url: String?
        /// By the header's name as the routes file writes it; an empty one is left out of the request.
        var headers: [String: String] = [:]
    }

    func render(_ event: Event, now: Timestamp, _ contexts: inout EventContexts) throws(TemplateFailure) -> Parts {
        let context = try contexts.context(of: event)
        var parts = Parts()
        if let body {
            parts.body = try body.bytes(context, functions, now: now)
            parts.contentType = body.format.contentType
        }
        parts.url = try url?.url(context, functions, now: now)
        for header in headers { parts.headers[header.name] = try header.value(context, functions, now: now) }
        return parts
    }

    /// All that fails, where `render` stops at the first.
    func failures(_ event: Event, now: Timestamp) -> [TemplateFailure] {
        var failures: [TemplateFailure] = []
        var contexts = EventContexts(slots: 1)
        func attempt(_ part: RequestTemplates) {
            do throws(TemplateFailure) { _ = try part.render(event, now: now, &contexts) } catch {
                failures.append(error)
            }
        }
        attempt(RequestTemplates(body: body, functions: functions))
        attempt(RequestTemplates(body: nil, url: url, functions: functions))
        for header in headers { attempt(RequestTemplates(body: nil, headers: [header], functions: functions)) }
        return failures
    }

    /// What two bodies are compared by; nil where there is none. URL and headers are compared as the destination's
    /// texts.
    var bodySource: String? { body.map { "\($0.format.rawValue) \($0.source)" } }
}

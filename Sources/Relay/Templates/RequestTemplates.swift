package import JSONTemplates

/// The parts of a destination's requests that are made of each event anew. A destination without any has none of this.
package struct RequestTemplates: Sendable {
    let body: BodyTemplate?
    let functions: HostFunctions

    package init(body: BodyTemplate?, functions: HostFunctions) {
        self.body = body
        self.functions = functions
    }

    /// What the templates made of one event; nil or missing where there is no template.
    struct Parts {
        var body: [UInt8]?
        var contentType: String?
        var url: String?
        /// By the header's name as the routes file writes it.
        var headers: [String: String] = [:]
    }

    func render(_ event: Event, now: Timestamp) throws(TemplateFailure) -> Parts {
        let context = try EventContext.context(of: event)
        var parts = Parts()
        if let body {
            parts.body = try body.bytes(context, functions, now: now)
            parts.contentType = body.format.contentType
        }
        return parts
    }

    /// Whether the same requests come of both.
    func isSame(as other: RequestTemplates) -> Bool {
        switch (body, other.body) {
        case (nil, nil): true
        case (let mine?, let others?): mine.isSame(as: others)
        default: false
        }
    }
}

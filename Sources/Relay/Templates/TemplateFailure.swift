import JSONTemplates

/// Why no request could be made of an event: a template failed.
package struct TemplateFailure: Error, Sendable, Equatable {
    /// Which part of the destination: `body.properties.hs_timestamp`, `headers.X-Caller`, `url`, `query.who`.
    package let place: String
    package let message: String
    /// Byte offset in the routes file of the innermost value, where it is known.
    let offset: Int?

    init(place: String, message: String, offset: Int? = nil) {
        self.place = place
        self.message = message
        self.offset = offset
    }

    init(_ error: TemplateError, in part: String) {
        self.init(place: part + error.path, message: error.message, offset: error.offset)
    }

    package var text: String { "the template fails at \(place): \(message)" }

    /// What it means for the delivery: dead, since another try would fail in the same way.
    package var judgement: Judgement {
        Judgement(
            outcome: .dead, code: "template", text: text,
            advice: "Correct the template in the routes file, try it with explain, reload, then redrive this.")
    }
}

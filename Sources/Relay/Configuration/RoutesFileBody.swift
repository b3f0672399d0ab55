import JSON
import JSONTemplates

extension ObjectReader {
    /// Reads `body` and `format`.
    mutating func body() -> BodyTemplate? {
        let body = optional("body")
        let formatField = optional("format")
        let format = formatField?.word(BodyFormat.self) ?? .json
        if body == nil, let formatField {
            formatField.error("\"format\" says how \"body\" is written: add a \"body\", or remove it")
        }
        return body?.template(format)
    }
}

extension Field {
    fileprivate func template(_ format: BodyFormat) -> BodyTemplate? {
        do throws(TemplateFaults) { return try BodyTemplate(node, format: format) } catch {
            for fault in error.faults {
                let place = FilePlace(offset: fault.offset ?? node.offset, path: path + fault.path)
                log.add(.error, at: place, TemplateAdvice.sentence(fault))
            }
            return nil
        }
    }
}

/// What an operator reads about a fault of a template: JSON-e's words, and what to do.
enum TemplateAdvice {
    static func sentence(_ fault: TemplateError) -> String {
        switch fault.kind {
        case .syntax: "the expression is not complete or not well formed: \(fault.message)"
        default: fault.message
        }
    }
}

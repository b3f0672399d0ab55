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
        let values = PresetMerge.values(around: node)
        do throws(TemplateFaults) {
            return try BodyTemplate(node, format: format, values: values)
        } catch {
            for fault in error.faults {
                let path = path.dropLast("body".count) + BodyTemplate.place(of: fault, values)
                let place = FilePlace(offset: fault.offset ?? node.offset, path: String(path))
                log.add(.error, at: place, TemplateAdvice.sentence(fault))
            }
            return nil
        }
    }
}

extension Field {
    /// The template that a plain header value is, nil where it is none.
    func headerTemplate(_ name: String, _ text: String) -> HeaderTemplate? {
        do throws(TemplateError) {
            return try TextTemplate(text).map { HeaderTemplate(name: name, source: text, text: $0) }
        } catch {
            self.error(TemplateAdvice.sentence(error))
            return nil
        }
    }

    /// The template that a plain URL is, nil where it is none; a fault is not repeated, since it is reported already.
    func urlTemplate() -> URLTemplate? {
        guard case .string(let text) = node.kind else { return nil }
        return try? URLTemplate(text)
    }
}

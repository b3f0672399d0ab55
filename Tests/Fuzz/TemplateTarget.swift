import JSON
import JSONTemplates
import Relay

/// A template on the first line, what it can name behind it.
///
/// - What is wrong with a template is said with a place in it.
/// - A render ends with a result or an error, soon: libFuzzer's `-timeout` watches the clock.
/// - A result is valid JSON within the budget; rendering again, or rendering the template written anew, gives the same.
enum TemplateTarget {
    /// 2026-11-22T08:05:01.042Z.
    private static let now: Int64 = 1_795_334_701_042

    static func check(_ input: [UInt8]) {
        let (text, names) = halves(input)
        guard let node = try? JSONNode.parse(text) else { return }
        let template = Template(node)
        for fault in template.faults {
            promise(fault.offset.map { text.indices.contains($0) } == true, "\(fault) is outside of the template")
            promise(!fault.message.isEmpty, "\(fault) says nothing")
        }
        guard let context = context(names) else { return }
        let result = render(template, context)
        promise(result == render(template, context), "rendered again it is another")
        if let again = try? JSONNode.parse(JSONSerializer.bytes(node.value)) {
            promise(result == render(Template(again), context), "written anew it is another")
        }
        guard case .success(let written?) = result else { return }
        valid(written, template, context)
    }

    private static func context(_ names: [UInt8]) -> TemplateContext? {
        guard case .object(let object)? = try? JSONValue.parse(names) else { return try? TemplateContext(JSONObject()) }
        return try? TemplateContext(object)
    }

    private static func render(_ template: Template, _ context: TemplateContext) -> Result<[UInt8]?, Failure> {
        do throws(TemplateError) {
            return .success(try template.json(context, functions: .withoutZones, now: now))
        } catch {
            promise(!error.message.isEmpty && error.description.utf8.count < 100_000, "\(error)")
            return .failure(Failure(text: error.description))
        }
    }

    /// An error without its place in the text, which moves when that is written anew.
    private struct Failure: Error, Equatable {
        let text: String
    }

    private static func valid(_ written: [UInt8], _ template: Template, _ context: TemplateContext) {
        promise(written.count <= Budget.Limits().bytes, "\(written.count) bytes")
        var limits = JSONLimits()
        limits.depth = Budget.Limits().depth
        let value: JSONValue? = try? JSONValue.parse(written, limits: limits)
        promise(value != nil, "\(shown(written)) is no JSON")
        let rendered = (try? template.render(context, functions: .withoutZones, now: now)) ?? nil
        promise(rendered == value, "\(shown(written)) is not \(String(describing: rendered))")
    }
}

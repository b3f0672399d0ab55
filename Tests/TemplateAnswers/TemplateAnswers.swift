import Glibc
import JSON
import JSONTemplates
import Relay

/// Reads one `{"template", "context", "now"}` a line and answers each with `{"result"}`, `{"deleted": true}` or
/// `{"error"}`. The template is taken as JSON-e takes it: a fault counts where a render reaches it. With `--functions`
/// it may call the functions for destinations beside those of JSON-e.
@main
struct TemplateAnswers {
    private static let functions =
        CommandLine.arguments.dropFirst() == ["--functions"] ? HostFunctions.withoutZones : HostFunctions()

    static func main() {
        while let line = readLine() {
            print(JSONSerializer.text(.object(JSONObject([answer(to: line)]))))
            // Whoever measures one template waits for its answer.
            fflush(nil)
        }
    }

    private static func answer(to line: String) -> JSONObject.Member {
        do {
            let request = try Request(line)
            let context = try TemplateContext(request.context)
            guard let result = try Template(request.template).render(context, functions: functions, now: request.now)
            else {
                return JSONObject.Member(key: "deleted", value: .bool(true))
            }
            return JSONObject.Member(key: "result", value: result)
        } catch {
            return JSONObject.Member(key: "error", value: .string("\(error)"))
        }
    }
}

/// A line of the input.
private struct Request {
    private enum Failure: Error {
        case notARequest
    }

    let template: JSONNode
    let context: JSONObject
    /// Milliseconds since 1970-01-01T00:00:00Z.
    let now: Int64

    init(_ line: String) throws {
        guard case .object(let members) = try JSONNode.parse(Array(line.utf8)).kind,
            let template = members.first(where: { $0.key == "template" }),
            case .object(let context)? = members.first(where: { $0.key == "context" })?.value.value,
            case .number(let now)? = members.first(where: { $0.key == "now" })?.value.value
        else { throw Failure.notARequest }
        self.template = template.value
        self.context = context
        self.now = now.int64 ?? 0
    }
}

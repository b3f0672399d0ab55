/// A file that holds a preset, as the program embeds it or as an operator wrote it.
package struct PresetFile: Sendable {
    /// Its name without `.json`, which is the preset's name.
    package let name: String
    /// As messages name the file.
    package let path: String
    /// Its text, or in plain words why it cannot be read.
    package let content: Content

    package enum Content: Sendable {
        case text([UInt8])
        case unreadable(String)
    }

    package init(name: String, path: String, _ content: Content) {
        self.name = name
        self.path = path
        self.content = content
    }

    package init(name: String, path: String, bytes: [UInt8]) { self.init(name: name, path: path, .text(bytes)) }
}

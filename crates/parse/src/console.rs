//! What dism and sfc print on a console, in English and Chinese: the log of it is another file, and people copy this one.
//!
//! A record is one command's output. Its text begins with a line of ours that says how it ended, so that rules need not know languages:
//!
//! ```text
//! Console: tool=dism outcome=failed code=0x800f081f
//! ```

use crate::head::Head;
use event::Level;

/// A sentence of a tool and what it says.
struct Phrase {
    outcome: &'static str,
    words: &'static [&'static str],
}

/// What a command ended with; the first that is found counts, so the graver stand first.
const PHRASES: [Phrase; 10] = [
    Phrase {
        outcome: "unrepaired",
        words: &[
            "found corrupt files but was unable to fix",
            "但其中有一些文件无法修复",
            "但无法修复其中的某些文件",
            "找到了损坏文件但无法修复",
        ],
    },
    Phrase {
        outcome: "failed",
        words: &[
            "Windows Resource Protection could not perform the requested operation",
            "Windows Resource Protection could not start the repair service",
            "Windows 资源保护无法执行请求的操作",
            "Windows 资源保护无法启动修复服务",
            "There is a system repair pending which requires reboot",
            "有一个系统修复处于挂起状态",
        ],
    },
    Phrase {
        outcome: "repaired",
        words: &[
            "found corrupt files and successfully repaired",
            "并成功修复了它们",
            "并成功修复了这些文件",
            "并已成功修复",
        ],
    },
    Phrase {
        outcome: "clean",
        words: &[
            "did not find any integrity violations",
            "未找到任何完整性冲突",
        ],
    },
    Phrase {
        outcome: "unrepairable",
        words: &["The component store cannot be repaired", "无法修复组件存储"],
    },
    Phrase {
        outcome: "failed",
        words: &["\nError: ", "\n错误: ", "\n错误：", "\n错误:"],
    },
    Phrase {
        outcome: "repairable",
        words: &[
            "The component store is repairable",
            "可以修复组件存储",
            "组件存储是可修复的",
        ],
    },
    Phrase {
        outcome: "repaired",
        words: &[
            "The restore operation completed successfully",
            "还原操作已成功完成",
            "还原操作成功完成",
        ],
    },
    Phrase {
        outcome: "clean",
        words: &[
            "No component store corruption detected",
            "未检测到组件存储损坏",
        ],
    },
    Phrase {
        outcome: "done",
        words: &["The operation completed successfully", "操作成功完成"],
    },
];

/// What a tool prints first.
const STARTS: [&str; 7] = [
    "Deployment Image Servicing and Management tool",
    "部署映像服务和管理工具",
    "部署映像服务与管理工具",
    "Beginning system scan",
    "开始系统扫描",
    // A result alone, as people type or copy it.
    "Windows Resource Protection ",
    "Windows 资源保护",
];

/// Whether one command's output starts at this line. A prompt before it is text between records.
pub(crate) fn starts(line: &str) -> bool {
    // Not further in than what is seen of a line before a cut.
    let mut line = line;
    for _ in 0..MOST_INDENT {
        line = line.strip_prefix([' ', '\t', '\u{FEFF}']).unwrap_or(line);
    }
    STARTS.iter().any(|start| line.starts_with(start))
}

/// Blanks before a first line.
const MOST_INDENT: usize = 8;

/// Whether a text is such output.
pub(crate) fn is_one(text: &str) -> bool {
    text.lines().any(starts)
}

pub(crate) fn read(record: &str) -> Option<(Head<'_>, usize)> {
    starts(record).then(|| {
        let head = Head {
            logged: None,
            level: Level::Unknown,
            level_word: "",
            message_id: None,
            component: "Console",
        };
        (head, 0)
    })
}

/// The output with what it says of itself before it.
pub(crate) fn text(record: &str) -> String {
    let phrase = PHRASES
        .iter()
        .find(|phrase| phrase.words.iter().any(|words| record.contains(words)));
    let first = record.trim_start_matches('\u{FEFF}').trim_start();
    let is_dism = STARTS.iter().take(3).any(|start| first.starts_with(start));
    let tool = if is_dism { "dism" } else { "sfc" };
    let outcome = phrase.map_or("unknown", |phrase| phrase.outcome);
    let mut text = format!("Console: tool={tool} outcome={outcome}");
    if outcome == "failed"
        && let Some(code) = record.lines().find_map(code)
    {
        text.push_str(&format!(" code={code:#010x}"));
    }
    text.push('\n');
    text.push_str(record.trim_end());
    text
}

/// `Error: 0x800f081f`, `错误: 87`: a small number is an error of Windows, its result is 0x8007….
fn code(line: &str) -> Option<u32> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("Error")
        .or_else(|| line.strip_prefix("错误"))?;
    let rest = rest.trim_start_matches([':', '：', ' ']);
    let word = rest.split([' ', '\r', '。', '.', ',']).next()?;
    match word.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => {
            let number: u32 = word.parse().ok()?;
            (1..=0xFFFF)
                .contains(&number)
                .then_some(0x8007_0000 | number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(output: &str) -> String {
        assert!(is_one(output), "{output}");
        text(output).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn every_phrase_tells_its_outcome() {
        for phrase in &PHRASES {
            for words in phrase.words {
                let output = format!("Beginning system scan.\n{words}x\n");
                let said = first_line(&output);
                let outcome = format!("outcome={}", phrase.outcome);
                assert!(said.contains(&outcome), "{words}: {said}");
            }
        }
    }

    #[test]
    fn a_failure_has_its_code_and_the_graver_outcome_counts() {
        for (output, said) in [
            (
                "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0\r\n\r\nError: 0x800f081f\r\n\r\nThe source files could not be found.\r\n",
                "Console: tool=dism outcome=failed code=0x800f081f",
            ),
            (
                "部署映像服务和管理工具\r\n版本: 10.0\r\n\r\n错误: 87\r\n",
                "Console: tool=dism outcome=failed code=0x80070057",
            ),
            (
                "Deployment Image Servicing and Management tool\n\nThe component store is repairable.\nThe operation completed successfully.\n",
                "Console: tool=dism outcome=repairable",
            ),
            (
                "Beginning system scan.\n\nWindows Resource Protection found corrupt files but was unable to fix some of them.\n",
                "Console: tool=sfc outcome=unrepaired",
            ),
            ("开始系统扫描。\n", "Console: tool=sfc outcome=unknown"),
        ] {
            assert_eq!(first_line(output), said);
        }
    }
}

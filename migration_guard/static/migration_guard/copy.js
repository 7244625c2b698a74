"use strict";
// Shows the buttons beside commands, and copies. Without this script a command is text to select.
document.querySelectorAll(".mg-command button").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
        const code = button.parentElement.querySelector("code");
        getSelection().selectAllChildren(code);
        try {
            await navigator.clipboard.writeText(code.textContent.trim());
        } catch {
            document.execCommand("copy"); // without HTTPS there is no clipboard
        }
        button.textContent = button.dataset.copied;
    });
});
